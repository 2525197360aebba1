//! The configuration from the operator's side: files that are refused with their whole error text, files that are accepted with what
//! comes of them, the default file, the reference page, and bytes of any kind.
//!
//! `UPDATE=1` writes the `.stderr` files and the reference page anew; read the difference as the person with a typo would.

#[path = "config/accepts.rs"]
mod accepts;
#[path = "config/any_bytes.rs"]
mod any_bytes;
#[path = "config/cases.rs"]
mod cases;
#[path = "config/from_disk.rs"]
mod from_disk;
#[path = "config/pages.rs"]
mod pages;
#[path = "config/rejects.rs"]
mod rejects;
