//! The room `logs`.
