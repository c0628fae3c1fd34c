//! [`Recorded`]: a quantity that a run writes to its series, the table of numbers over time.
use crate::base::{Error, Result, unit};
use crate::model::measure::Measure;

/// A recorded quantity: see [`Model::record`](crate::Model::record).
#[derive(Clone)]
pub struct Recorded {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) what: Measure,
}

impl Recorded {
    /// Sets the unit, as in UDUNITS, such as `J` or `m s-1`. Without one, the quantity is a number.
    pub fn unit(&mut self, unit: &str) -> &mut Recorded {
        self.unit = unit.into();
        self
    }

    /// Returns the header of the column: the name, and the unit in brackets.
    pub(crate) fn header(&self) -> String {
        header(&self.name, &self.unit)
    }

    /// Checks the name and the unit.
    ///
    /// # Errors
    /// If they cannot stand in the header of a table.
    pub(crate) fn check(&self) -> Result<()> {
        let Recorded { name, unit, .. } = self;
        let is_line = |text: &str| text == text.trim() && !text.contains(char::is_control);
        if name.is_empty() || !is_line(name) || !is_line(unit) {
            return Err(Error::input(format!("the quantity {:?} cannot be recorded", self.header()))
                .remedy("give it a name of one line, and a unit of one line or none"));
        }
        unit::udunits(unit).map_err(|why| Error::input(format!("the recorded quantity `{name}`: {why}")))?;
        if ["step", "time"].contains(&name.as_str()) {
            return Err(Error::input(format!("the quantity `{name}` cannot be recorded"))
                .remedy("a series has a column of this name: use another name"));
        }
        Ok(())
    }
}

/// The header of a column.
pub(crate) fn header(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.into() } else { format!("{name} [{unit}]") }
}
