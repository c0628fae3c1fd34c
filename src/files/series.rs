//! [`SeriesFile`]: a table of numbers over time, as a CSV file that grows with a run.
use crate::base::{Error, Result};
use crate::files::durable;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The name of the file in the run directory.
pub const SERIES: &str = "series.csv";
/// Rows stay in memory for this time at most, so that a user can follow a run with few writes.
const DELAY: Duration = Duration::from_secs(1);

/// A table whose first column is the step and whose other columns are numbers, in a file `series.csv`. Numbers are written with
/// the fewest digits that give the same double again, so equal numbers are equal bytes.
#[derive(Debug)]
pub struct SeriesFile {
    path: PathBuf,
    file: File,
    /// Rows that are not in the file yet, and when the file was written last.
    rows: Vec<u8>,
    written: Instant,
}

/// The rows of a table that belong to a saved state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    rows: u64,
    bytes: u64,
}

impl SeriesFile {
    /// Creates the table in a directory, with a header.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(dir: &Path, header: &[String]) -> Result<SeriesFile> {
        let path = dir.join(SERIES);
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path);
        let file = file.map_err(|e| durable::why("create", &path, e))?;
        let mut series = SeriesFile { path, file, rows: line(header), written: Instant::now() };
        series.sync()?;
        Ok(series)
    }

    /// Opens the table of a run that resumes, and cuts it back to the rows of steps until `last`. Without such a step (the run
    /// starts from its beginning), or without the file, the table begins anew. Returns the number of its rows.
    ///
    /// # Errors
    /// If the file has other columns, or cannot be read or written.
    pub fn resume(dir: &Path, header: &[String], last: Option<u64>) -> Result<(SeriesFile, u64)> {
        let path = dir.join(SERIES);
        let (Some(last), true) = (last, path.exists()) else {
            durable::remove(&path)?;
            return Ok((SeriesFile::create(dir, header)?, 0));
        };
        SeriesFile::check(dir, header)?;
        let mut file = File::open(&path).map_err(|e| Error::file("read", &path, e))?;
        let kept = keep(&file, last).map_err(|e| Error::file("read", &path, e))?;
        // Into a new file: an earlier attempt that is still alive must not add its rows to this one.
        durable::replace(&path, |part| {
            let copied = file.rewind().and_then(|()| {
                let mut kept = (&file).take(kept.bytes);
                std::io::copy(&mut kept, &mut File::create(part)?)
            });
            copied.map(drop).map_err(|e| durable::why("write", part, e))
        })?;
        let file =
            OpenOptions::new().read(true).append(true).open(&path).map_err(|e| durable::why("open", &path, e))?;
        Ok((SeriesFile { path, file, rows: vec![], written: Instant::now() }, kept.rows))
    }

    /// Checks that the table in a directory, if there is one, has these columns.
    ///
    /// # Errors
    /// If it has others, or cannot be read.
    pub fn check(dir: &Path, header: &[String]) -> Result<()> {
        let path = dir.join(SERIES);
        let mut first = vec![];
        match File::open(&path).and_then(|file| BufReader::new(file).take(1 << 20).read_until(b'\n', &mut first)) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::file("read", &path, e)),
            Ok(_) if first == line(header) => Ok(()),
            Ok(_) => {
                let [has, needs] = [&first, &line(header)].map(|l| String::from_utf8_lossy(l).trim_end().to_owned());
                let what = format!("{} has the columns {has}, and the job now records {needs}", path.display());
                Err(Error::input(what).remedy("nothing was changed; continue with the program that began the run"))
            }
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, step: u64, numbers: &[f64]) -> Result<()> {
        let numbers = numbers.iter().map(f64_text);
        self.rows.extend(line(&std::iter::once(step.to_string()).chain(numbers).collect::<Vec<_>>()));
        self.write_late()
    }

    /// Writes rows that have been in memory for long.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_late(&mut self) -> Result<()> {
        if self.rows.is_empty() || self.written.elapsed() < DELAY { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        let before = self.file.metadata().map(|m| m.len());
        let written = self.file.write_all(&self.rows);
        written.map_err(|e| {
            // Half a row must not stay, for a user who reads the file after a full disk.
            _ = before.and_then(|bytes| self.file.set_len(bytes));
            durable::why("write", &self.path, e)
        })?;
        self.rows.clear();
        self.written = Instant::now();
        Ok(())
    }

    /// Writes all rows to disk: they survive a crash of the machine.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        self.write()?;
        self.file.sync_data().map_err(|e| durable::why("sync", &self.path, e))
    }

    /// Follows the run directory to another name.
    pub fn move_to(&mut self, dir: &Path) {
        self.path = dir.join(SERIES);
    }

    /// Copies the table, whose file has been removed, into another directory.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn copy_to(&mut self, dir: &Path) -> Result<()> {
        let (path, mut bytes) = (dir.join(SERIES), vec![]);
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes));
        read.map_err(|e| Error::file("read", &self.path, e))?;
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path);
        let file = file.and_then(|mut file| file.write_all(&bytes).map(|()| file));
        self.file = file.map_err(|e| durable::why("write", &path, e))?;
        self.path = path;
        Ok(())
    }
}

/// The columns of a table: headers and values. Rows that are not complete are left out.
///
/// # Errors
/// If the file cannot be read.
pub fn read_series(dir: &Path) -> Result<(Vec<String>, Vec<Vec<f64>>)> {
    let path = dir.join(SERIES);
    let failed = |e: csv::Error| Error::file("read", &path, e);
    // Read at once, because the reader of the table does not repeat calls that a signal interrupts.
    let bytes = fs::read(&path).map_err(|e| Error::file("read", &path, e))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(&bytes[..]);
    let header: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    let mut columns = vec![vec![]; header.len()];
    for row in reader.records() {
        let row = row.map_err(failed)?;
        let numbers: Vec<f64> = row.iter().map_while(|text| text.parse().ok()).collect();
        if numbers.len() == columns.len() {
            columns.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        }
    }
    Ok((header, columns))
}

/// One line of a table.
fn line<T: AsRef<[u8]>>(cells: &[T]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(cells).expect("memory can be written");
    writer.into_inner().expect("memory can be written")
}

/// A number with the fewest digits, in plain or scientific notation, whichever is usual for its size.
fn f64_text(number: &f64) -> String {
    if number.is_nan() { "NaN".into() } else { format!("{number:?}") }
}

/// The header and the complete rows of steps until `last`.
fn keep(file: &File, last: u64) -> std::io::Result<Kept> {
    let (mut reader, mut kept, mut row) = (BufReader::new(file), Kept { rows: 0, bytes: 0 }, vec![]);
    reader.rewind()?;
    kept.bytes = reader.read_until(b'\n', &mut row)? as u64;
    loop {
        row.clear();
        let bytes = reader.read_until(b'\n', &mut row)? as u64;
        let step = row.split(|&b| b == b',').next().and_then(|step| std::str::from_utf8(step).ok()?.parse().ok());
        if row.last() != Some(&b'\n') || step.is_none_or(|step: u64| step > last) {
            return Ok(kept);
        }
        kept = Kept { rows: kept.rows + 1, bytes: kept.bytes + bytes };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Vec<String> {
        ["step", "time [s]", "energy, total [J]"].map(str::to_owned).to_vec()
    }

    fn text(dir: &Path) -> String {
        fs::read_to_string(dir.join(SERIES)).unwrap()
    }

    #[test]
    fn a_table_is_cut_back_and_continued() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let mut series = SeriesFile::create(dir, &header()).unwrap();
        for step in 0..4 {
            series.add(10 * step, &[0.1 * step as f64, 1e-30 / (step + 1) as f64]).unwrap();
        }
        series.sync().unwrap();
        let whole = text(dir);
        assert_eq!(whole.lines().take(2).collect::<Vec<_>>(), ["step,time [s],\"energy, total [J]\"", "0,0.0,1e-30"]);
        // A row that a kill has cut in two.
        fs::write(dir.join(SERIES), &whole[..whole.len() - 3]).unwrap();
        let (mut series, rows) = SeriesFile::resume(dir, &header(), Some(20)).unwrap();
        assert_eq!(rows, 3);
        series.add(30, &[0.1 * 3.0, 1e-30 / 4.0]).unwrap();
        series.sync().unwrap();
        assert_eq!(text(dir), whole);
        assert_eq!(SeriesFile::resume(dir, &header(), Some(19)).unwrap().1, 2);
        let (names, columns) = read_series(dir).unwrap();
        assert_eq!((names, &columns[0][..], columns[2][1]), (header(), &[0.0, 10.0][..], 5e-31));
        SeriesFile::resume(dir, &header(), None).unwrap();
        assert_eq!(text(dir).lines().count(), 1);
    }

    #[test]
    fn an_earlier_attempt_adds_nothing_to_the_table_of_its_successor() {
        let dir = tempfile::tempdir().unwrap();
        let mut earlier = SeriesFile::create(dir.path(), &header()).unwrap();
        earlier.add(0, &[0.0, 1.0]).unwrap();
        earlier.sync().unwrap();
        let (mut later, rows) = SeriesFile::resume(dir.path(), &header(), Some(0)).unwrap();
        earlier.add(10, &[1.0, 1.0]).unwrap();
        earlier.sync().unwrap();
        later.add(10, &[1.0, 2.0]).unwrap();
        later.sync().unwrap();
        assert_eq!((rows, text(dir.path()).lines().last()), (1, Some("10,1.0,2.0")));
        assert_eq!(text(dir.path()).lines().count(), 3);
    }

    #[test]
    fn other_columns_are_refused_and_nothing_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        SeriesFile::create(dir.path(), &header()).unwrap();
        let error = SeriesFile::resume(dir.path(), &header()[..2], Some(5)).unwrap_err().to_string();
        assert!(error.contains("the job now records step,time [s]"), "{error}");
        assert_eq!(text(dir.path()).lines().count(), 1);
    }

    #[test]
    fn a_removed_table_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| dir.path().join(name));
        fs::create_dir(&old).unwrap();
        fs::create_dir(&new).unwrap();
        let mut series = SeriesFile::create(&old, &header()).unwrap();
        series.add(1, &[0.5, f64::NAN]).unwrap();
        series.sync().unwrap();
        let before = text(&old);
        fs::remove_dir_all(&old).unwrap();
        series.copy_to(&new).unwrap();
        assert_eq!(text(&new), before);
        series.add(2, &[1.0, f64::INFINITY]).unwrap();
        series.sync().unwrap();
        assert_eq!(text(&new), before + "2,1.0,inf\n");
    }
}
