//! The package, built by the same rpmbuild command line as `cargo xtask rpm`, around a stand-in of the program: its file list with
//! modes and owners, its scriptlets, what it requires and how it is packed are held by `tests/rpm/*.txt` (`UPDATE=1` writes them
//! anew), and the scriptlets are run against stubs. Absent on purpose: the program itself, and an installed system; those are the
//! test bed's.

#[path = "../xtask/src/rpm/pack.rs"]
mod pack;
#[path = "rpm/scriptlets.rs"]
mod scriptlets;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pack::Pack;
use tempfile::TempDir;

/// What rpm 4.11 of CentOS 7 knows of what a package may ask of rpm itself.
const KNOWN_TO_RPM_4_11: [&str; 6] = [
    "rpmlib(CompressedFileNames) <= 3.0.4-1",
    "rpmlib(FileDigests) <= 4.6.0-1",
    "rpmlib(PayloadFilesHavePrefix) <= 4.0-1",
    "rpmlib(PayloadIsXz) <= 5.2-1",
    "rpmlib(ScriptletExpansion) <= 4.9.0-1",
    "rpmlib(TildeInVersions) <= 4.10.0-1",
];

#[test]
fn the_file_list_is_the_golden_one() {
    let format = "[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES} %{FILEFLAGS:fflags}\n]";
    let mut lines: Vec<String> =
        query(&["--queryformat", format]).lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort_by_key(|line| line.split(' ').nth(2).map(str::to_owned));
    golden("files", &lines.join("\n"));
}

#[test]
fn the_scriptlets_are_the_golden_ones() {
    golden("scriptlets", &query(&["--scripts"]));
}

#[test]
fn what_it_requires_and_how_it_is_packed_is_golden() {
    let requires = query(&["--requires"]);
    let (of_rpm, mut of_the_machine): (Vec<&str>, Vec<&str>) =
        requires.lines().map(str::trim).partition(|line| line.starts_with("rpmlib("));
    for line in of_rpm {
        assert!(KNOWN_TO_RPM_4_11.contains(&line), "rpm 4.11 refuses a package that requires {line}");
    }
    of_the_machine.sort_unstable();
    of_the_machine.dedup();
    let packed = query(&[
        "--queryformat",
        "payload %{PAYLOADFORMAT}, %{PAYLOADCOMPRESSOR} at %{PAYLOADFLAGS}\nfile digests by algorithm %{FILEDIGESTALGO}\n",
    ]);
    let name = query(&["--queryformat", "%{NAME} %{RELEASE} %{BUILDHOST}\n"]);
    golden("requires", &format!("{name}{packed}\n{}\n", of_the_machine.join("\n")));
    // What 4.11 checks of the whole package.
    for digest in ["%{SIGMD5}", "%{SHA1HEADER}"] {
        assert_ne!(query(&["--queryformat", digest]), "(none)", "{digest}");
    }
}

#[test]
fn the_same_tree_makes_the_same_package() {
    let once = std::fs::read(package()).expect("the package");
    let (_dir, again) = pack();
    assert_eq!(once, std::fs::read(again).expect("the package"), "something of the moment or of the place is in it");
}

#[test]
fn no_name_of_this_machine_is_in_the_package() {
    let all = query(&["--queryformat", "[%{*:xml}]"]) + &query(&["--xml"]);
    for secret in [env!("CARGO_MANIFEST_DIR"), "/tmp/"] {
        assert!(!all.contains(secret), "{secret} is in the package's head");
    }
}

#[test]
fn every_verb_has_a_page_and_completions_know_it() {
    let pages = pages();
    for verb in kafka_node::cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let name = verb.get_name();
        let page = std::fs::read_to_string(pages.join(format!("man/kafka-node-{name}.1"))).expect(name);
        assert!(page.contains(&format!("kafka\\-node\\-{}", name.replace('-', "\\-"))), "{name}: {page}");
        for shell in ["kafka-node.bash", "_kafka-node", "kafka-node.fish"] {
            let text = std::fs::read_to_string(pages.join("completions").join(shell)).expect(shell);
            assert!(text.contains(name), "{shell} does not know {name}");
        }
    }
    let keys = std::fs::read_to_string(pages.join("man/kafka-node.toml.5")).expect("the page of the keys");
    for words in ["data_dir", "/etc/kafka\\-node/kafka\\-node.toml", ".SH \"[kafka]\""] {
        assert!(keys.contains(words), "{words} is not in kafka-node.toml(5)");
    }
}

#[test]
fn the_pages_are_good_for_man() {
    let Ok(groff) = Command::new("groff").arg("--version").output().map(|_| "groff") else {
        println!("no groff on this machine to read them with");
        return;
    };
    for entry in std::fs::read_dir(pages().join("man")).expect("pages").flatten() {
        let read =
            Command::new(groff).args(["-man", "-Tascii", "-ww", "-z"]).arg(entry.path()).output().expect("groff");
        let words = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success() && !words.contains("error"), "{}: {words}", entry.path().display());
    }
}

#[test]
fn firewalld_0_6_3_reads_both_services() {
    for (service, ports) in [("kafka", &["9092"][..]), ("zookeeper", &["2181", "2888", "3888"][..])] {
        let text = read(&format!("config/firewalld/{service}.xml"));
        let tags: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with('<')).collect();
        for tag in &tags {
            // <include> and <helper> are later.
            let known = ["<?xml", "<service>", "</service>", "<short>", "<description>", "<port "];
            assert!(known.iter().any(|known| tag.starts_with(known)), "{service}: {tag}");
        }
        let found: Vec<&str> = tags
            .iter()
            .filter_map(|tag| tag.strip_prefix("<port protocol=\"tcp\" port=\"")?.strip_suffix("\"/>"))
            .collect();
        assert_eq!(found, ports, "{service}");
    }
}

#[test]
fn the_packages_user_is_the_one_of_sysusers() {
    let line =
        read("config/kafka-node.sysusers").lines().find(|line| line.starts_with("u ")).expect("a user").to_owned();
    assert!(read("rpm/kafka-node.spec").contains(&format!("\n{line}\nEND\n")), "%pre makes another user than {line}");
}

#[test]
fn limits_are_said_as_every_version_reads_them() {
    let settings = |path: &str| -> Vec<String> {
        read(path).lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(
        settings("config/kafka-node.journald"),
        ["[Journal]", "RateLimitIntervalSec=30s", "RateLimitInterval=30s", "RateLimitBurst=20000"]
    );
    assert_eq!(settings("config/kafka-node.sysctl"), ["vm.swappiness = 1", "vm.max_map_count = 262144"]);
    assert_eq!(
        settings("config/kafka-node.preset"),
        ["disable kafka-node.service", "disable kafka-node-reboot.timer", "disable kafka-node-reboot.path"]
    );
}

/// The package, built once for all tests.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &PACKAGE.get_or_init(pack).1
}

/// Packs a stand-in of the program, which is a file like any other to rpmbuild.
fn pack() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let binary = dir.path().join("stand-in");
    std::fs::write(&binary, "#!/bin/sh\necho kafka-node 0\n").expect("a stand-in");
    let topdir = dir.path().join("top");
    std::fs::create_dir_all(topdir.join("tmp")).expect("a directory");
    let pack = Pack {
        root: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        binary,
        pages: pages().to_owned(),
        topdir,
        version: env!("CARGO_PKG_VERSION").into(),
        release: 1,
        moment: 1_600_000_000,
    };
    let built = pack.command().output().unwrap_or_else(|error| {
        panic!("rpmbuild cannot be run: {error}; install Debian's `rpm` or EL's `rpm-build`; `cargo xtask test` does it by itself")
    });
    assert!(built.status.success(), "rpmbuild: {}\n{}", built.status, String::from_utf8_lossy(&built.stderr));
    let package = pack.package();
    assert!(package.is_file(), "{} was not made", package.display());
    (dir, package)
}

/// Manual pages and completions, written by the example; `cargo test` builds it beside the tests.
fn pages() -> &'static Path {
    static PAGES: OnceLock<TempDir> = OnceLock::new();
    let dir = PAGES.get_or_init(|| {
        let test = std::env::current_exe().expect("this test's path");
        let program = test.ancestors().nth(2).expect("target/debug").join("examples/pages");
        let dir = tempfile::tempdir().expect("a directory");
        let ran = Command::new(&program).arg(dir.path()).output();
        let ran = ran.unwrap_or_else(|error| panic!("{}: {error}: cargo build --examples", program.display()));
        assert!(ran.status.success(), "pages: {}", String::from_utf8_lossy(&ran.stderr));
        dir
    });
    dir.path()
}

/// What rpm says of the package, without a look at this machine's own database or settings.
fn query(arguments: &[&str]) -> String {
    let home = package().parent().expect("a directory");
    let mut rpm = Command::new("rpm");
    rpm.env("HOME", home).env("LC_ALL", "C").arg("--dbpath").arg(home.join("db"));
    let output = rpm.arg("-qp").args(arguments).arg(package()).output();
    let output = output.unwrap_or_else(|error| panic!("rpm cannot be run: {error}; it comes with rpmbuild"));
    assert!(output.status.success(), "rpm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// `found` is what `tests/rpm/NAME.txt` holds; `UPDATE=1` writes that.
#[track_caller]
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/rpm/{name}.txt"));
    let found = format!("{}\n", found.trim_end());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &found).expect("the golden file");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (expected, found)) in expected.lines().zip(found.lines()).enumerate() {
        assert_eq!(expected, found, "{} line {}; UPDATE=1 writes it anew", path.display(), number + 1);
    }
    assert_eq!(expected, found, "{}; UPDATE=1 writes it anew", path.display());
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}
