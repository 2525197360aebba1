//! The system's package manager: installs what is missing when we are root, says what to install when we are not.
//! Absent on purpose: sudo. A task does not ask for more rights than it was started with.

use std::process::Command;
use std::time::Instant;

use nix::unistd::Uid;

use crate::child;
use crate::failure::{Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};

/// One thing to install, by its names: the first one that a manager has is taken.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// What it is, for messages.
    what: &'static str,
    /// Names for apt-get.
    apt: &'static [&'static str],
    /// Names for dnf and yum.
    rpm: &'static [&'static str],
}

impl Package {
    /// A package that only a task on Debian asks for, by what it is and its names there.
    pub const fn of_debian(what: &'static str, apt: &'static [&'static str]) -> Self {
        Self { what, apt, rpm: &[] }
    }
}

/// Any headless Java of at least 8.
pub const JAVA: Package = Package {
    what: "a headless Java runtime",
    apt: &["default-jre-headless"],
    rpm: &[
        "java-17-openjdk-headless",
        "java-11-openjdk-headless",
        "java-21-openjdk-headless",
        "java-latest-openjdk-headless",
    ],
};
/// Java 17 in particular.
pub const JAVA_17: Package =
    Package { what: "a headless Java 17", apt: &["openjdk-17-jre-headless"], rpm: &["java-17-openjdk-headless"] };
/// Maven.
pub const MAVEN: Package = Package { what: "Maven (`mvn`)", apt: &["maven"], rpm: &["maven"] };
/// rpmbuild and rpm.
pub const RPM: Package = Package { what: "rpmbuild", apt: &["rpm"], rpm: &["rpm-build"] };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Apt,
    Dnf,
    Yum,
}

impl Tool {
    fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Yum => "yum",
        }
    }

    fn names(self, package: &Package) -> &'static [&'static str] {
        match self {
            Self::Apt => package.apt,
            Self::Dnf | Self::Yum => package.rpm,
        }
    }

    fn install(self, name: &str) -> Command {
        let mut command = Command::new(self.program());
        match self {
            Self::Apt => command
                .args(["install", "--yes", "--no-install-recommends", name])
                .env("DEBIAN_FRONTEND", "noninteractive"),
            Self::Dnf | Self::Yum => command.args(["install", "-y", name]),
        };
        command
    }
}

/// Installs packages as root; otherwise the failure says which command a human has to give.
pub fn install(places: &Places, progress: &Progress, packages: &[Package], why: &str) -> Outcome<()> {
    let tool = [Tool::Apt, Tool::Dnf, Tool::Yum].into_iter().find(|tool| child::on_path(tool.program()).is_some());
    let wanted = packages.iter().map(|package| package.what).collect::<Vec<_>>().join(", ");
    let Some(tool) = tool else {
        return Err(Failure::new(format!("{why}; install {wanted} (no apt-get, dnf or yum here to do it with)")));
    };
    if !Uid::effective().is_root() {
        return Err(Failure::new(by_hand(tool, packages, why)));
    }
    let log = places.log("packages");
    let begun = Instant::now();
    progress.say(format!("packages: installing {wanted} with {}, since {why}", tool.program()));
    if tool == Tool::Apt {
        // A fresh image has no lists at all. Where this fails the install says more.
        if let Err(failure) = child::logged(Command::new("apt-get").arg("update"), &log) {
            progress.say(format!("packages: going on without fresh lists: {}", failure.chain()));
        }
    }
    for package in packages {
        let mut last = None;
        for name in tool.names(package) {
            last = child::logged(&mut tool.install(name), &log).err();
            if last.is_none() {
                break;
            }
        }
        if let Some(failure) = last {
            return Err(failure);
        }
    }
    progress.say(format!("packages: installed ({})", seconds(begun.elapsed())));
    Ok(())
}

fn by_hand(tool: Tool, packages: &[Package], why: &str) -> String {
    let names: Vec<&str> = packages.iter().filter_map(|package| tool.names(package).first().copied()).collect();
    format!("{why}; we are not root, so please run: {} install {}", tool.program(), names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_type_is_said() {
        assert_eq!(
            by_hand(Tool::Yum, &[JAVA, MAVEN], "nothing is here"),
            "nothing is here; we are not root, so please run: yum install java-17-openjdk-headless maven"
        );
    }
}
