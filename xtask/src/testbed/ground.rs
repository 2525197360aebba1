//! What the bed needs of this machine: root, programs, and the root file system that all nodes share, made once by
//! mmdebstrap from the machine's own Debian sources. Absent on purpose: a root from anywhere else.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nix::unistd::Uid;

use super::bed::{Bed, Suite};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::{debian, packages};
use crate::places::Places;
use crate::progress::{Progress, seconds};

/// What a root holds beside Debian's essential packages.
const INCLUDE: &str = "systemd,systemd-sysv,dbus,udev,iproute2,iputils-ping,procps,netcat-openbsd,rpm,less,nftables,passwd,tar,gzip,man-db";

/// Programs and the packages they come in.
const PROGRAMS: [(&str, packages::Package); 6] = [
    ("systemd-nspawn", packages::Package::of_debian("systemd-nspawn", &["systemd-container"])),
    ("mmdebstrap", packages::Package::of_debian("mmdebstrap", &["mmdebstrap"])),
    ("rpm", packages::Package::of_debian("rpm", &["rpm"])),
    ("mkfs.xfs", packages::Package::of_debian("mkfs.xfs and xfs_io", &["xfsprogs"])),
    ("nft", packages::Package::of_debian("nft", &["nftables"])),
    ("ip", packages::Package::of_debian("ip", &["iproute2"])),
];

/// Makes sure that this machine can hold a bed. What is missing is installed, and said.
pub fn prepare(places: &Places, progress: &Progress) -> Outcome<()> {
    if !Uid::effective().is_root() {
        return Err(Failure::new("the test bed makes namespaces, mounts and cgroups: run it as root"));
    }
    let missing: Vec<&(&str, packages::Package)> =
        PROGRAMS.iter().filter(|(program, _)| child::on_path(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let wanted: Vec<packages::Package> = missing.iter().map(|(_, package)| *package).collect();
    packages::install(places, progress, &wanted, &format!("the test bed needs {}", names.join(", ")))
}

/// Makes the root file system of a bed; one in the cache is taken as it is.
pub fn root(places: &Places, progress: &Progress, bed: &Bed) -> Outcome<()> {
    let (suite, root) = (bed.settings.suite, bed.root());
    if root.is_dir() {
        return Ok(());
    }
    progress.say(format!(
        "root: making Debian {} with mmdebstrap (1 to 3 min, 520 MB, once), in {}",
        suite.name(),
        root.display()
    ));
    let begun = Instant::now();
    let work = bed.roots.join(format!(".{}.{}", suite.name(), std::process::id()));
    fs::create_dir_all(work.join("sources")).during(|| format!("create {}", work.display()))?;
    let done = debootstrap(places, suite, &work)
        .and_then(|()| fs::rename(work.join("root"), &root).during(|| format!("move the root to {}", root.display())));
    let _ = fs::remove_dir_all(&work);
    done.during(|| format!("make a root of Debian {}", suite.name()))?;
    progress.say(format!("root: made ({})", seconds(begun.elapsed())));
    Ok(())
}

fn debootstrap(places: &Places, suite: Suite, work: &Path) -> Outcome<()> {
    let sources = work.join("sources");
    debian::write_sources(Path::new("/etc/apt"), &sources, suite.name())?;
    let mut command = Command::new("mmdebstrap");
    command.args(["--mode=root", "--variant=minbase", "--aptopt=Acquire::Check-Valid-Until \"false\""]);
    command.arg(format!("--include={INCLUDE},{}", suite.java()));
    let (_, settings, _) = child::captured(Command::new("apt-config").arg("dump"))?;
    for proxy in settings.lines().filter(|line| line.starts_with("Acquire::http") && line.contains("roxy ")) {
        command.arg(format!("--aptopt={}", proxy.trim_end_matches(';')));
    }
    // Lists and packages are of no use to a root that never installs any.
    command.args([
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--customize-hook=rm -rf \"$1\"/var/cache/apt/archives/*.deb",
    ]);
    command.arg(suite.name()).arg(work.join("root"));
    for entry in fs::read_dir(&sources).during(|| "read the sources".into())?.flatten() {
        command.arg(entry.path());
    }
    child::logged(&mut command, &places.log("testbed-root"))
}
