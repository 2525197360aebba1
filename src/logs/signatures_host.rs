//! Troubles with what the machine refuses to any program: room, files, rights, ports. Pure.
//!
//! The texts are glibc's words of an errno, as Java passes them on. Absent on purpose: memory (`signatures_jvm`).

use crate::model::Cure::{Operator, Restart, Time};

use super::signatures::{Row, row};

pub(super) static ROWS: &[Row] = &[
    row(
        "no-space",
        95,
        Operator,
        &[&["No space left on device"]],
        "a disk is full",
        "free room on the disk of data_dir and log_dirs (df -h and df -i), or lower the retention of the largest topics",
    ),
    row(
        "disk-quota",
        95,
        Operator,
        &[&["Disk quota exceeded"]],
        "the disk quota of the service's user is used up",
        "raise the quota of the service's user, or free room",
    ),
    row(
        "too-many-open-files",
        92,
        Restart,
        &[&["Too many open files"]],
        "the limit of open files is reached",
        "raise LimitNOFILE= of the unit (100000 or more for a broker), and fs.file-max where that is lower",
    ),
    row(
        "disk-error",
        95,
        Operator,
        &[&["Input/output error"]],
        "a disk failed to read or write",
        "read journalctl -k for the disk's errors and replace it",
    ),
    row(
        "read-only-file-system",
        93,
        Operator,
        &[&["Read-only file system"]],
        "a directory of the service is on a file system that is mounted read-only",
        "read journalctl -k for why it was remounted, repair it and mount it read-write",
    ),
    row(
        "no-permission",
        85,
        Operator,
        &[&["java.nio.file.AccessDeniedException: "], &["(Permission denied)"], &[": Permission denied"]],
        "the service's user may not use a file or directory of the service",
        "give the directory that the lines name to the service's user (chown -R, and SELinux: restorecon)",
    ),
    row(
        "address-in-use",
        90,
        Time,
        &[&["Address already in use"]],
        "a port of the service is held by another process",
        "find the holder with ss -ltnp and end it, or give the service another port",
    ),
    row(
        "address-not-here",
        90,
        Time,
        &[&["Cannot assign requested address"]],
        "the address that the service listens on is not up on this node",
        "bring the address up, or correct address of this [[node]] or the listeners",
    ),
];
