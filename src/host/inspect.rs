//! What an operator's look asks programs of the system: whether the clock is kept, and what firewalld lets through. Changes nothing.
//!
//! Absent on purpose: adjtimex(2) itself (`timedatectl` asks it for us, as any user), and judging the answers (`plan::preflight`).

use crate::observe::host::HostRoot;
use crate::plan::preflight::{Clock, FirewallSighting, Told};
use crate::plan::setup::Request;

use super::programs::{Programs, run_well, words};
use super::setup::look_at_firewall;

/// What systemd-timesyncd leaves once it has the time; newer than 219.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// Whether a time service keeps the clock.
///
/// # Errors
/// It cannot be known, in words: a container without D-Bus, say.
pub fn clock(root: &HostRoot, programs: &mut dyn Programs) -> Told<Clock> {
    if root.at(SYNCHRONIZED).exists() {
        return Ok(Clock::Kept);
    }
    let said = run_well(programs, &words(&["timedatectl"]))?;
    kept(&said).ok_or_else(|| "timedatectl does not say".to_owned())
}

/// Whether root looks.
pub fn as_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `NTP synchronized: yes` of systemd 219, `System clock synchronized: yes` of later ones: the kernel's word, whoever keeps it.
fn kept(said: &str) -> Option<Clock> {
    let value = said.lines().find_map(|line| line.split_once("synchronized:").map(|(_, value)| value.trim()))?;
    match value {
        "yes" => Some(Clock::Kept),
        "no" => Some(Clock::Adrift),
        _ => None, // any: n/a, where the kernel cannot say
    }
}

/// What firewalld lets through, where it is installed. It answers to root alone without asking for a password.
pub fn firewall(root: &HostRoot, programs: &mut dyn Programs, as_root: bool) -> FirewallSighting {
    if !as_root && programs.has("firewall-cmd") {
        return FirewallSighting::NotRoot;
    }
    FirewallSighting::Asked(look_at_firewall(&Request::default(), root, programs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_wordings_of_timedatectl_are_understood() {
        let old = "      Local time: Sun\n     NTP enabled: yes\nNTP synchronized: no\n RTC in local TZ: no\n";
        let new = "               Local time: Sun\nSystem clock synchronized: yes\n              NTP service: active\n";
        assert_eq!([kept(old), kept(new)], [Some(Clock::Adrift), Some(Clock::Kept)]);
        assert_eq!([kept("NTP synchronized: n/a"), kept("")], [None, None]);
    }
}
