//! Files and directories: the one place where the product creates, replaces, follows, locks or
//! removes a path. docs/paths.md lists every use; a test compares it with the sources.
//!
//! Three rules hold for everything in here:
//!
//! - What is written is created exclusively, relative to an open directory, and never through a
//!   symbolic link. A file is replaced by renaming a new one over it; its name cannot be foreseen.
//! - What is read is a regular file, and at most so many bytes of it: a pipe or a device would keep
//!   the reader waiting.
//! - A path that a person names may lead through symbolic links, because they are the person's own.
//!   Inside a repository they are not: whoever wrote the repository made them.

mod at;
mod look;
mod out;
mod private;
mod tree;
mod walk;

pub use at::{
    Kind, append, create, dir_in, exclusive, kind, link_in, lock_file, made_dir_in, make_dir,
    names, open_in, read, remove, rename, replace, unlock,
};
pub use look::{
    dir, entries, exists, is_dir, is_file, is_link, link_target, listed, read_file, read_plain,
    read_text, real_path, stat, stat_behind, sync, tail, too_large,
};
pub use out::{OutDir, OutFile};
pub use private::{keep_private, private_dir, private_in, private_root, temp_dir};
pub use rustix::fs::Mode;
pub use std::fs::{File, FileType, Metadata};
pub use tempfile::TempDir;
pub use tree::remove_tree;
