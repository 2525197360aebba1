//! kafka-node
