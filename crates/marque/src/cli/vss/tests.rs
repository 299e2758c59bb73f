use super::*;

fn output(command: Command) -> anyhow::Result<String> {
    let mut out = Vec::new();
    run(&Options { command }, &mut out)?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn the_shipped_catalogue_is_listed_by_prefix() {
    let listed = output(Command::List { vss: None, prefix: "Vehicle.Speed".into() }).unwrap();
    assert_eq!(
        listed.lines().next().unwrap().split('\t').take(4).collect::<Vec<_>>(),
        ["Vehicle.Speed", "sensor", "float", "km/h"]
    );
    let all = output(Command::List { vss: None, prefix: String::new() }).unwrap();
    assert_eq!(all.lines().count(), Catalogue::core().len());
}

#[test]
fn every_official_release_passes_the_check() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vss");
    let Ok(files) = fs::read_dir(&folder) else {
        eprintln!("skipped: ../shared/data is absent");
        return;
    };
    for file in files {
        let file = file.unwrap().path();
        let text = output(Command::Check { file: file.clone() }).unwrap();
        let leaves: usize = text.split(' ').next().unwrap().parse().unwrap();
        assert!(leaves > 900, "{}: {text}", file.display());
    }
}

#[test]
fn what_is_no_catalogue_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "{\"Vehicle\": 7}").unwrap();
    let error = output(Command::Check { file: file.path().to_owned() }).unwrap_err();
    assert!(format!("{error:#}").contains(&*file.path().to_string_lossy()), "{error:#}");
}
