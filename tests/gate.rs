//! The gate from the operator's side: hand-made views with the verdict each must get, the order of a roll, and what must hold for any
//! view, any document and any bytes.
//!
//! `UPDATE=1` writes the sentences of the views anew, never the codes expected; read the difference as the person who waits for a reboot.

#[path = "gate/documents.rs"]
mod documents;
#[path = "gate/orders.rs"]
mod orders;
#[path = "gate/properties.rs"]
mod properties;
#[path = "gate/rolls.rs"]
mod rolls;
#[path = "gate/views.rs"]
mod views;
#[path = "gate/written.rs"]
mod written;
