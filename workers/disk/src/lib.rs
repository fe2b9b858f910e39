//! Files and directories: the one place where the product creates, replaces, follows, locks or
//! removes a path. docs/paths.md lists every use; a test compares it with the sources.
//!
//! Three rules hold for everything in here:
//!
//! - A file is written with exclusive creation, relative to an open directory, and never through a
//!   symbolic link. It is replaced by renaming a new file with a random name over it.
//! - Only regular files are read, up to a bound: a pipe or a device could block the reader.
//! - A path that a person names may contain the person's own symbolic links. Links inside a
//!   repository are not followed, because its author made them.

mod at;
mod look;
mod out;
mod private;
mod stamps;
mod tree;
mod walk;

pub use at::{
    Kind, append, create, dir_in, exclusive, kind, link_in, lock_file, made_dir_in, make_dir,
    names, open_in, read, remove, rename, replace, unlock,
};
pub use look::{
    dir, entries, exists, is_dir, is_file, is_link, link_target, listed, read_file, read_plain,
    read_text, real_path, room, stat, stat_behind, sync, tail, too_large,
};
pub use out::{OutDir, OutFile};
pub use private::{keep_private, private_dir, private_in, private_root, temp_dir};
pub use rustix::fs::Mode;
pub use stamps::{Stamp, stamps};
pub use std::fs::{File, FileType, Metadata};
pub use tempfile::TempDir;
pub use tree::remove_tree;
