//! A picture of all results: a panel for each case and a bar for each contender, relative to the streamed copy.
use crate::contest::{Kind, Outcome};
use crate::report::{median, ratio};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use std::path::Path;

type Drawn = Result<(), Box<dyn std::error::Error>>;

const WIDTH: u32 = 1200;
/// The positions at which bars begin and at which the longest bar ends.
const LEFT: i32 = 230;
const RIGHT: i32 = 1010;
const BAR: i32 = 26;
const HEAD: i32 = 52;
const TOP: i32 = 70;

const INK: RGBColor = RGBColor(40, 40, 40);
const FAINT: RGBColor = RGBColor(200, 200, 200);

fn colour(kind: Kind) -> RGBColor {
    match kind {
        Kind::Ours => RGBColor(0, 114, 178),
        Kind::Copy => RGBColor(170, 170, 170),
        Kind::C => RGBColor(230, 159, 0),
        Kind::Tool => RGBColor(0, 158, 115),
    }
}

pub fn png(path: &Path, title: &str, outcomes: &[Outcome]) -> Drawn {
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular()).map_err(|_| "the font is broken")?;
    let panels: Vec<_> = outcomes.iter().filter(|o| !o.lines.is_empty()).collect();
    let height = TOP + panels.iter().map(|o| HEAD + BAR * o.lines.len() as i32 + 16).sum::<i32>();
    let mut pixels = vec![255; WIDTH as usize * height as usize * 3];
    draw(&mut pixels, height as u32, title, &panels)?;

    let mut encoder = png::Encoder::new(std::fs::File::create(path)?, WIDTH, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}

fn draw(pixels: &mut [u8], height: u32, title: &str, panels: &[&Outcome]) -> Drawn {
    let area = BitMapBackend::with_buffer(pixels, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let write = |text: &str, place: (i32, i32), size: u32, side: HPos| -> Drawn {
        let style = TextStyle::from(("sans-serif", size).into_font()).color(&INK).pos(Pos::new(side, VPos::Center));
        area.draw(&Text::new(text.to_string(), place, style))?;
        Ok(())
    };
    write(title, (16, 24), 24, HPos::Left)?;
    let mut x = LEFT;
    for (kind, name) in [(Kind::Ours, "halocline"), (Kind::Copy, "copies"), (Kind::C, "C"), (Kind::Tool, "others")] {
        area.draw(&Rectangle::new([(x, 46), (x + 14, 60)], colour(kind).filled()))?;
        write(name, (x + 20, 53), 16, HPos::Left)?;
        x += 110;
    }
    write("as parts of a streamed copy of the bytes of one pass", (x + 20, 53), 16, HPos::Left)?;
    let mut y = TOP;
    for outcome in panels {
        let cells = outcome.case.cells(outcome.n);
        let speed = |times: &[f64]| cells / median(times.iter().copied()) * 1e-9;
        let copy = outcome.streamed_copy();
        // Relative to the streamed copy if there is one, or else to the fastest contender.
        let fastest = outcome.lines.iter().map(|l| speed(&l.times)).fold(0.0, f64::max);
        let part = |l: &crate::contest::Line| ratio(l, copy).unwrap_or(speed(&l.times) / fastest);
        let longest = outcome.lines.iter().map(part).fold(1.0, f64::max);
        let extent = |part: f64| LEFT + (f64::from(RIGHT - LEFT) * part / longest) as i32;
        write(&outcome.title(), (16, y + HEAD / 2), 20, HPos::Left)?;
        y += HEAD;
        let bottom = y + BAR * outcome.lines.len() as i32;
        let each = if longest < 2.0 { 0.25 } else { 1.0 };
        for tick in 0..=(longest / each) as i32 {
            let value = f64::from(tick) * each;
            let (x, strong) = (extent(value), value == 1.0);
            let style = ShapeStyle::from(if strong { INK } else { FAINT }).stroke_width(1);
            area.draw(&PathElement::new([(x, y - 4), (x, bottom)], style))?;
        }
        for line in &outcome.lines {
            let bar = [(LEFT, y + 4), (extent(part(line)), y + BAR - 4)];
            area.draw(&Rectangle::new(bar, colour(line.kind).filled()))?;
            write(&line.name, (LEFT - 10, y + BAR / 2), 17, HPos::Right)?;
            let number = format!("{:.2} · {:.3} Gcell/s", part(line), speed(&line.times));
            write(&number, (extent(part(line)) + 8, y + BAR / 2), 15, HPos::Left)?;
            y += BAR;
        }
        y += 16;
    }
    area.present()?;
    Ok(())
}
