//! An operator's look at the machine, beside what a start looks at: everything is asked at once, and waited for within a limit.
//!
//! Reads only, as whoever asks: what may not be read is told. Absent on purpose: what needs programs of the system (`host::inspect`) or
//! a broker (`cluster`), and what any of it means (`plan::preflight`).
//!
//! Effects: threads that read files, resolve names and dial ports.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::time::Instant;

use nix::sys::resource::Resource;

use crate::config::Config;
use crate::plan::preflight::{DiskSighting, FirewallSighting, Survey, Told};

use super::host::HostRoot;
use super::preflight::hard_limit;
use super::question::{Question, ask};
use super::survey_peers::{OwnName, Peer, own_names, peers};
use super::{survey_disks, survey_machine};

pub use survey_machine::unit;

/// A look that has begun.
pub struct Begun {
    root: HostRoot,
    disks: Question<Vec<DiskSighting>>,
    segments: Question<Told<u64>>,
    names: Vec<OwnName>,
    peers: Vec<Peer>,
}

/// Begins a look at the machine below `root`.
pub fn begin(root: &HostRoot, config: &Config) -> Begun {
    let disks = ask({
        let (root, config) = (root.clone(), config.clone());
        move || survey_disks::sightings(&root, &config)
    });
    let segments = ask({
        let config = config.clone();
        move || survey_disks::segments(&config)
    });
    Begun { root: root.clone(), disks, segments, names: own_names(config), peers: peers(config) }
}

impl Begun {
    /// What was seen until `deadline`. What others have to ask (clock, firewall, cluster, a running supervisor) is left open.
    pub fn seen(self, deadline: Instant) -> Survey {
        let late = || Err("it took too long to look".to_owned());
        Survey {
            memory: survey_machine::memory(&self.root),
            kernel: survey_machine::kernel(&self.root),
            own_limits: (hard_limit(Resource::RLIMIT_NOFILE), hard_limit(Resource::RLIMIT_NPROC)),
            unit: survey_machine::unit(&self.root),
            disks: self.disks.answer(deadline).unwrap_or_default(),
            segments: self.segments.answer(deadline).unwrap_or_else(late),
            names: self.names.into_iter().map(|name| name.answer(deadline)).collect(),
            peers: self.peers.into_iter().flat_map(|peer| peer.answer(deadline)).collect(),
            clock: Err("nobody was asked".to_owned()),
            firewall: FirewallSighting::Silent,
            topics: None,
            as_root: false,
            running: false,
        }
    }
}
