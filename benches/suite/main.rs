//! halocline beside copies, hand-written C, and other tools, all measured in turns: `cargo bench --bench suite`.
//! See benches/README.md.
mod ask;
mod cases;
mod contest;
mod ours;
mod plot;
mod report;
mod rival;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HEADER: &str = "`cargo bench --bench suite` wrote this; [benches/README.md](../README.md) says what is compared and what the columns mean.";

/// The Markdown of a run.
fn document(outcomes: &[contest::Outcome], title: &str, circumstances: &str, picture: &str) -> String {
    let mut text =
        format!("# {title}\n\n{HEADER}\n\n{circumstances}\n![speeds as parts of the streamed copy]({picture})\n");
    for outcome in outcomes {
        text += &format!("\n## {}\n\n{}\n", outcome.title(), outcome.table());
        outcome.notes.iter().for_each(|note| text += &format!("- {note}\n"));
    }
    text
}

fn main() -> ExitCode {
    let ask = match ask::Ask::read() {
        Ok(ask) => ask,
        Err(why) => {
            eprintln!("{why}\n{}", ask::USAGE);
            return ExitCode::from(2);
        }
    };
    let load = report::load();
    if load.parse::<f64>().is_ok_and(|l| l > 0.5) && !ask.quick {
        eprintln!("the load is {load}: numbers for keeps need a machine that does nothing else");
    }
    let mut outcomes = vec![];
    for case in cases::CASES.iter().filter(|c| ask.wants(c)) {
        let run = |comm: halocline::Comm| contest::contest(case, &comm, &ask);
        let outcome = halocline::comm::ranks(1, ask.threads, run).expect("the rank ends well").remove(0);
        println!("\n{}\n\n{}", outcome.title(), outcome.table());
        outcome.notes.iter().for_each(|note| println!("- {note}"));
        outcomes.push(outcome);
    }
    // The results of a quick run are not saved.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let usual = if ask.quick { rival::workshop() } else { root.join("benches/results") };
    let folder = ask.out.as_ref().map_or(usual, PathBuf::from);
    let name = format!("{}-{}", report::today(), report::machine(&ask));
    let title = format!("{}, {}", report::today(), report::machine(&ask).replace('-', " "));
    let (page, picture) = (folder.join(format!("{name}.md")), folder.join(format!("{name}.png")));
    let text = document(&outcomes, &title, &report::circumstances(&ask, &load), &format!("{name}.png"));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&page, text));
    let drawn = plot::png(&picture, &title, &outcomes);
    match (written, drawn) {
        (Ok(()), Ok(())) => println!("\n{}\n{}", page.display(), picture.display()),
        (Err(e), _) => eprintln!("{}: {e}", page.display()),
        (_, Err(e)) => eprintln!("{}: {e}", picture.display()),
    }
    ExitCode::SUCCESS
}
