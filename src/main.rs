//! The one binary. Everything is in the library; the doors are in `cli`.

fn main() {}
