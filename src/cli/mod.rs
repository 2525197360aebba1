//! The room `cli`.

pub mod verify;
