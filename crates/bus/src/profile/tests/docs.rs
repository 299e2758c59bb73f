//! The tables of docs/profiles.md are what the files say.

use std::{collections::BTreeSet, fmt::Write, path::PathBuf};

use super::*;
use crate::profile::{Certainty, ModelTable, Powertrain, Provenance};

const BEGIN: &str = "<!-- generated: begin -->\n";
const END: &str = "<!-- generated: end -->";

fn architectures(out: &mut String) {
    out.push_str(
        "## Architectures\n\n| profile | what it is | frames | ours | signals |\n|---|---|--:|--:|--:|\n",
    );
    for profile in all() {
        let ours = profile.frames().iter().filter(|frame| frame.name.starts_with("MQ_")).count();
        let frames = profile.frames().len() - ours + profile.services().len();
        let (name, title, signals) = (profile.name(), profile.title(), profile.signals().len());
        writeln!(out, "| `{name}` | {title} | {frames} | {ours} | {signals} |").unwrap();
    }
}

fn models(out: &mut String) {
    out.push_str(
        "\n## Models\n\n| brand | model | years | profile | known | drive |\n|---|---|---|---|---|---|\n",
    );
    for model in ModelTable::builtin().models() {
        let known = match model.certainty {
            Certainty::Documented => "documented",
            Certainty::Likely => "likely",
            Certainty::Assumed => "assumed",
        };
        let drive = match model.powertrain {
            Powertrain::Ice => "combustion",
            Powertrain::Hybrid => "hybrid",
            Powertrain::Phev => "plug-in hybrid",
            Powertrain::Ev => "electric",
        };
        let (brand, name, architecture) = (model.brand, &model.name, model.architecture);
        let years = format!("{}–{}", model.years.start(), model.years.end());
        writeln!(out, "| {brand} | {name} | {years} | `{architecture}` | {known} | {drive} |").unwrap();
    }
}

fn signals(out: &mut String) {
    let profiles = all();
    out.push_str("\n## Signals\n\n● from a frame of the architecture, ◐ asked for by diagnostics, ○ from an extension frame of ours.\n\n");
    let short: Vec<_> = profiles.iter().map(|profile| profile.name().to_owned()).collect();
    writeln!(out, "| path | {} |\n|---|{}", short.join(" | "), "---|".repeat(short.len())).unwrap();
    let catalogue = ::signals::Catalogue::core();
    let mapped: BTreeSet<_> = profiles
        .iter()
        .flat_map(|profile| profile.signals())
        .map(|(signal, _)| Arc::clone(&catalogue.by_id(signal).unwrap().path))
        .collect();
    for path in mapped {
        write!(out, "| `{path}` |").unwrap();
        for profile in &profiles {
            let mark = match profile.provenance(id(profile, &path)) {
                Some(Provenance::Native) => "●",
                Some(Provenance::Diagnostic) => "◐",
                Some(Provenance::Extension) => "○",
                None => "",
            };
            write!(out, " {mark} |").unwrap();
        }
        out.push('\n');
    }
}

#[test]
fn the_tables_of_the_page_are_those_of_the_files() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = root.join("docs/profiles.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (tables, tail) = rest.split_once(END).unwrap();
    let mut expected = String::new();
    architectures(&mut expected);
    models(&mut expected);
    signals(&mut expected);
    if tables != expected {
        let fresh = std::env::temp_dir().join("profiles.md");
        std::fs::write(&fresh, format!("{head}{BEGIN}{expected}{END}{tail}")).unwrap();
        panic!("docs/profiles.md is behind the files; copy {} over it", fresh.display());
    }
}
