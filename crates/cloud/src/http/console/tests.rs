use std::{collections::BTreeSet, fs, path::Path};

use super::*;

fn files_below(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn what_is_embedded_is_the_console_that_was_built_last() {
    let mut built = BTreeSet::new();
    files_below(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/console/dist")), "", &mut built);
    let embedded: BTreeSet<String> = Files::iter().map(Cow::into_owned).collect();
    assert_eq!(embedded, built);
    let hidden: Vec<_> = embedded.iter().filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "served to everybody: {hidden:?}");
}
