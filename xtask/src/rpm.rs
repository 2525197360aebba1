//! `cargo xtask rpm`: the package for CentOS 7, EL8 and EL9, around a program that runs on glibc 2.17. Prints its path, its size
//! and what it requires. Absent on purpose: what is in it and what it does; `rpm/kafka-node.spec` says both.

pub mod glibc;
pub mod pack;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::cargo;
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::{packages, zig};
use crate::places::Places;
use crate::progress::{Progress, seconds};
use pack::Pack;

/// The package may have this many bytes: 2 MB of 2^20.
pub const SIZE_LIMIT: u64 = 2 * 1024 * 1024;
/// What cargo builds for; zig links against this glibc.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What `cargo xtask rpm` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Pack this program in place of building one; its size and its glibc are not judged
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// Where the package goes (default: rpm/ in cargo's target directory)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The release of the package: a higher one of the same version is an upgrade
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub release: u32,
}

/// Builds, checks and packs; the path of the package.
pub fn run(places: &Places, progress: &Progress, options: &Options) -> Outcome<PathBuf> {
    tools(places, progress)?;
    let binary = match &options.binary {
        Some(binary) => std::path::absolute(binary).during(|| format!("find {}", binary.display()))?,
        None => build(places, progress)?,
    };
    if !binary.is_file() {
        return Err(Failure::new(format!("{} is no file", binary.display())));
    }
    let pages = pages(places, progress)?;
    let topdir = places.target.join(format!("rpm/.build.{}", std::process::id()));
    let pack = Pack {
        root: places.root.clone(),
        binary,
        pages,
        topdir: topdir.clone(),
        version: version(places)?,
        release: options.release,
        moment: moment(places),
    };
    let out = options.out.clone().unwrap_or_else(|| places.target.join("rpm"));
    let packed = packed(places, &pack, &out);
    let _ = std::fs::remove_dir_all(&topdir);
    let package = packed?;
    let bytes = std::fs::metadata(&package).during(|| format!("look at {}", package.display()))?.len();
    progress.say(format!("rpm: {} ({bytes} bytes of at most {SIZE_LIMIT})", package.display()));
    println!("requires:\n{}", requires(&package)?);
    if bytes > SIZE_LIMIT && options.binary.is_none() {
        return Err(Failure::new(format!("the package is too large: {bytes} bytes of at most {SIZE_LIMIT}")));
    }
    Ok(package)
}

/// Makes sure of rpmbuild and rpm.
pub fn tools(places: &Places, progress: &Progress) -> Outcome<()> {
    let there = || child::on_path("rpmbuild").is_some() && child::on_path("rpm").is_some();
    if there() {
        return Ok(());
    }
    packages::install(places, progress, &[packages::RPM], "no rpmbuild is here to make a package with")?;
    if there() { Ok(()) } else { Err(Failure::new("no rpmbuild was found even after it was installed")) }
}

/// The program, linked for CentOS 7.
fn build(places: &Places, progress: &Progress) -> Outcome<PathBuf> {
    let zig = zig::fetch(places, progress).during(|| "fetch zig".into())?;
    progress.say(format!("rpm: building for glibc {} (a fresh build takes some minutes)", glibc::CEILING));
    let begun = Instant::now();
    let mut command = Command::new(&zig.zigbuild);
    command
        .args(["zigbuild", "--release", "--package", "kafka-node", "--bin", "kafka-node", "--target"])
        .arg(format!("{TARGET}.{}", glibc::CEILING))
        .arg("--target-dir")
        .arg(&places.target)
        .current_dir(&places.root)
        .env("CARGO_ZIGBUILD_ZIG_PATH", &zig.zig)
        .env("CARGO_ZIGBUILD_CACHE_DIR", zig.cache.join("zigbuild"))
        .env("ZIG_GLOBAL_CACHE_DIR", zig.cache.join("zig"));
    child::logged(&mut command, &places.log("zigbuild")).during(|| "build kafka-node with zig".into())?;
    let binary = places.target.join(TARGET).join("release/kafka-node");
    let newest = glibc::check(&binary).during(|| format!("check {}", binary.display()))?;
    let size = crate::suite::size(&binary)?;
    progress.say(format!("rpm: {}, {size}, needs glibc {newest} ({})", binary.display(), seconds(begun.elapsed())));
    Ok(binary)
}

/// Manual pages and completions, from the program's own command line.
fn pages(places: &Places, progress: &Progress) -> Outcome<PathBuf> {
    progress.say("rpm: manual pages and completions");
    let mut command = cargo::cargo(places);
    command.args(["build", "--package", "kafka-node", "--example", "pages", "--target-dir"]).arg(&places.target);
    child::logged(&mut command, &places.log("build")).during(|| "build the example `pages`".into())?;
    let dir = places.target.join("rpm/pages");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).during(|| format!("clear {}", dir.display()))?;
    }
    let mut pages = Command::new(places.target.join("debug/examples/pages"));
    child::logged(pages.arg(&dir), &places.log("build")).during(|| "write the pages".into())?;
    Ok(dir)
}

fn packed(places: &Places, pack: &Pack, out: &Path) -> Outcome<PathBuf> {
    std::fs::create_dir_all(pack.topdir.join("tmp")).during(|| format!("create {}", pack.topdir.display()))?;
    child::logged(&mut pack.command(), &places.log("rpmbuild")).during(|| "run rpmbuild".into())?;
    let made = pack.package();
    let name = made.file_name().ok_or_else(|| Failure::new("the package has no name"))?;
    std::fs::create_dir_all(out).during(|| format!("create {}", out.display()))?;
    let out = out.canonicalize().during(|| format!("find {}", out.display()))?;
    let package = out.join(name);
    std::fs::copy(&made, &package).during(|| format!("copy {} to {}", made.display(), package.display()))?;
    Ok(package)
}

/// What the package asks of a machine, a line each.
fn requires(package: &Path) -> Outcome<String> {
    let (status, out, err) = child::captured(Command::new("rpm").args(["-qp", "--requires"]).arg(package))?;
    if !status.success() {
        return Err(Failure::new(format!("rpm cannot read its own package: {}", err.trim())));
    }
    let mut lines: Vec<&str> = out.lines().map(str::trim).collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n"))
}

/// The version in the root's Cargo.toml: the first of its lines that says one, before any dependency.
fn version(places: &Places) -> Outcome<String> {
    let path = places.root.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).during(|| format!("read {}", path.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("version = \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("{} says no version", path.display())))
}

/// The moment of the last commit; where there is no git, one that never changes.
fn moment(places: &Places) -> u64 {
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(&places.root);
    child::captured(&mut git).ok().and_then(|(_, out, _)| out.trim().parse().ok()).unwrap_or(1_767_225_600)
}
