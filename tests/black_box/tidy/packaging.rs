//! What `packaging/` names is there: the files of the Debian package, the settings of the image,
//! the programs of the unit.

use crate::harness::{Daemon, program, text, workspace};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap()
}

/// Returns the assets of the Debian package: source, as seen from the root, and place.
fn assets() -> Vec<(String, String)> {
    let manifest: toml::Value = toml::from_str(&read("tui/Cargo.toml")).unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().unwrap().iter();
    let field = |asset: &toml::Value, at: usize| asset[at].as_str().unwrap().to_owned();
    let from_root = |source: String| source.strip_prefix("../").unwrap().to_owned();
    assets.map(|asset| (from_root(field(asset, 0)), field(asset, 1))).collect()
}

/// Returns true if a file or a pattern `folder/*end` is there.
fn is_there(source: &str) -> bool {
    let path = workspace().join(source);
    let Some((folder, end)) = source.split_once('*') else { return path.is_file() };
    let entries = fs::read_dir(workspace().join(folder)).unwrap();
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(end))
}

#[test]
fn the_debian_package_has_files_that_are_there_or_that_the_build_makes() {
    let stage = read("packaging/stage");
    let (made, kept): (Vec<_>, Vec<_>) =
        assets().into_iter().partition(|(source, _)| source.starts_with("target/packaging/"));
    let missing: Vec<_> = kept.iter().filter(|(source, _)| !is_there(source)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(made.len(), 5, "programs, man pages, three kinds of completions");
    for (source, _) in &made {
        let folder = source.split('/').nth(2).unwrap();
        assert!(stage.contains(&format!("\"$stage/{folder}")), "packaging/stage makes no {folder}");
    }
    let places: BTreeSet<String> = assets().into_iter().map(|(_, place)| place).collect();
    let unit = read("packaging/systemd/daytraded.service");
    for line in unit.lines().filter(|line| line.starts_with("Exec")) {
        let run = line.split_once('=').unwrap().1.split(' ').next().unwrap();
        let folder = run.trim_start_matches('/').strip_suffix("daytraded").unwrap();
        assert!(places.contains(folder), "{run} is not in the package");
    }
    // The file of settings is where the program looks, and one that it accepts.
    assert!(places.contains("etc/daytraded/daytraded.toml"));
    let settings = workspace().join("packaging/daytraded.toml");
    let mut check = Command::new(program("daytraded"));
    let checked = check.args(["config", "check"]).arg(settings).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(read("docs/OPERATING.md").contains("/usr/share/daytrade/daytrade.rules.yml"));
    assert!(places.contains("usr/share/daytrade/"));
}

#[test]
fn man_pages_and_completions_are_made_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for (name, page) in [("daytrade", "daytrade-replay.1"), ("daytraded", "daytraded-backup.1")] {
        let run = |args: &[&str]| {
            let output = Command::new(program(name)).args(args).output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
            text(&output.stdout)
        };
        run(&["man", folder.path().to_str().unwrap()]);
        for page in [page, &format!("{name}.1")] {
            let written = fs::read_to_string(folder.path().join(page)).unwrap();
            assert!(written.contains(".SH SYNOPSIS"), "{page}");
        }
        assert!(run(&["man"]).contains(".SH OPTIONS"));
        for shell in ["bash", "zsh", "fish"] {
            assert!(run(&["completions", shell]).contains(name), "{name} {shell}");
        }
    }
}

/// An instruction of a Containerfile, with its arguments on one line.
fn instructions(file: &str) -> Vec<(String, String)> {
    let joined = file.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    let instructions = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    instructions
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap();
            (name.to_owned(), rest.to_owned())
        })
        .collect()
}

#[test]
fn the_image_runs_without_rights_and_writes_only_its_data() {
    let all = instructions(&read("packaging/Containerfile"));
    let known = ["FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "EXPOSE", "ENTRYPOINT"];
    for (name, rest) in &all {
        assert!(known.contains(&name.as_str()), "{name} {rest}");
    }
    let last = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let image = &all[last..];
    let of = |wanted: &str| {
        let rest = image.iter().filter(|(name, _)| name == wanted).map(|(_, rest)| rest.as_str());
        rest.collect::<Vec<_>>()
    };
    assert_eq!(of("FROM"), ["scratch"], "nothing but the programs");
    let user: u32 = of("USER")[0].split(':').next().unwrap().parse().unwrap();
    assert!(user > 0);
    assert_eq!(of("VOLUME"), ["/data"]);
    let data = of("COPY").into_iter().find(|copy| copy.ends_with(" /data")).unwrap();
    assert!(data.contains(&format!("--chown={user}:")) && data.contains("--chmod=700"), "{data}");
    assert_eq!(of("ENTRYPOINT"), ["[\"/usr/bin/daytraded\"]"]);
    // Its settings are ones that the program accepts, and its folder is the one that is writable.
    let variables: Vec<(&str, &str)> =
        of("ENV")[0].split_whitespace().map(|one| one.split_once('=').unwrap()).collect();
    let mut print = Command::new(program("daytraded"));
    let printed = print.args(["--config", "", "--print-config"]).envs(variables.iter().copied());
    let printed = printed.output().unwrap();
    let settings = text(&printed.stdout);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    assert!(settings.contains("data_dir = \"/data\"  # DAYTRADED_DATA_DIR"), "{settings}");
    let port = of("EXPOSE")[0];
    assert!(variables.iter().any(|(_, value)| value.ends_with(&format!(":{port}"))));
    // What is left out of the build is nothing that it copies.
    assert_eq!(read(".containerignore"), read(".dockerignore"));
    assert!(is_executable(&workspace().join("packaging/stage")));
}

/// The image without an engine: the programs in an otherwise empty folder, as a user without
/// rights. Only root can go there, so nobody else runs this.
#[test]
fn the_programs_run_where_only_their_data_is_writable() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let put = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    let daytraded = program("daytraded");
    put(&daytraded, &root.path().join("usr/bin/daytraded"));
    // The image has static programs; those of a test need their libraries.
    let libraries = Command::new("ldd").arg(&daytraded).output().unwrap();
    for word in text(&libraries.stdout).split_whitespace().filter(|word| word.starts_with('/')) {
        put(Path::new(word), &root.path().join(&word[1..]));
    }
    let data = root.path().join("data");
    fs::create_dir(&data).unwrap();
    std::os::unix::fs::chown(&data, Some(65_532), Some(65_532)).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let inside = |args: &[&str]| {
        let mut command = Command::new("chroot");
        command.args(["--userspec=65532:65532", "--groups="]).arg(root.path());
        command.arg("/usr/bin/daytraded").args(args).env("DAYTRADED_DATA_DIR", "/data");
        command.env("DAYTRADED_LISTEN_TLS", "127.0.0.1:0");
        command
    };
    let made = inside(&["init", "--admin", "root"]).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let server = Daemon::spawn(&mut inside(&["--listen", "127.0.0.1:0", "--auth", "none"]));
    let server = server.unwrap_or_else(|printed| panic!("{printed}"));
    assert_eq!(server.talk("ADD,alice,5\n"), "OK,ADD,5.00\n");
    let backup = inside(&["backup", "/data/backup"]).output().unwrap();
    assert!(backup.status.success(), "{}", text(&backup.stderr));
    let elsewhere = inside(&["backup", "/backup"]).output().unwrap();
    assert!(text(&elsewhere.stderr).contains("Permission denied"));
    assert!(server.signal("TERM").success());
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).unwrap().permissions().mode() & 0o111 != 0
}
