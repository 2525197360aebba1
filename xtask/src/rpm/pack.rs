//! The one rpmbuild command line: what `rpm/kafka-node.spec` is told, in a directory of its own.
//!
//! Shared by `cargo xtask rpm` and `tests/rpm.rs`, which includes this file, so that the test packs as the task does; hence the
//! standard library alone. Absent on purpose: building what is packed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What goes into a package, and where it is made.
#[derive(Debug)]
pub struct Pack {
    /// The root of the source tree: units, configuration, documents and the spec.
    pub root: PathBuf,
    /// The program, whatever its file is called.
    pub binary: PathBuf,
    /// What the example `pages` wrote: `man/` and `completions/`.
    pub pages: PathBuf,
    /// An empty directory, or none yet. The package comes to be below it.
    pub topdir: PathBuf,
    /// The package's version: kafka-node's own.
    pub version: String,
    /// Its release, without the distribution: a package of the same version and a higher one is an upgrade.
    pub release: u32,
    /// The time of everything in it, in seconds of Unix time: the same tree makes the same package.
    pub moment: u64,
}

impl Pack {
    /// rpmbuild, with nothing of the user's own settings or of the machine's rpm database.
    pub fn command(&self) -> Command {
        let mut command = Command::new("rpmbuild");
        command.arg("-bb").arg("--quiet").args(["--target", &format!("{}-linux", std::env::consts::ARCH)]);
        let path = |path: &Path| path.display().to_string();
        for (name, value) in [
            ("_topdir", path(&self.topdir)),
            ("_dbpath", path(&self.topdir.join("db"))),
            ("_tmppath", path(&self.topdir.join("tmp"))),
            ("source_", path(&self.root)),
            ("binary_", path(&self.binary)),
            ("pages_", path(&self.pages)),
            ("version_", self.version.clone()),
            ("release_", self.release.to_string()),
        ] {
            command.arg("--define").arg(format!("{name} {value}"));
        }
        command.arg(self.root.join("rpm/kafka-node.spec"));
        command.env("HOME", &self.topdir).env("LC_ALL", "C").env("SOURCE_DATE_EPOCH", self.moment.to_string());
        // Scripts of rpmbuild write files with the umask of whoever calls; the spec gives each its mode.
        command.current_dir(&self.root);
        command
    }

    /// Where the package is after a successful run.
    pub fn package(&self) -> PathBuf {
        let arch = std::env::consts::ARCH;
        self.topdir.join(format!("RPMS/{arch}/kafka-node-{}-{}.el7.{arch}.rpm", self.version, self.release))
    }
}
