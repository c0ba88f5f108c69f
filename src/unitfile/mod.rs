//! Text to unit file and back, names, specifiers, hash. Pure: no I/O, no tokio, knows no other room.
