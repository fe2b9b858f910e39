//! The places that print: all that a program writes to its terminal goes through one of these, and
//! they make it safe themselves. A new one must be added to docs/output.md.
#![allow(clippy::disallowed_methods)] // This is the place that is meant.

use crate::text::{plain, shown, shown_json};
use clap::Parser;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::debug_fn;

/// Reads the command line. An error of clap repeats the words in its own colours, so the line is parsed
/// again with safe words for the message. Panics are shown safely from here on, too.
pub fn begin<C: Parser>() -> C {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("?");
        err(&indented(&format!("thread '{name}' {info}")));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            err(&trace.to_string());
        }
    }));
    C::try_parse().unwrap_or_else(|error| {
        let safe = std::env::args_os().map(|word| plain(&word.to_string_lossy()));
        if let Err(complaint) = C::try_parse_from(safe) {
            complaint.exit()
        }
        // A word was refused for a character that is escaped now.
        tell(&error.render().to_string());
        std::process::exit(error.exit_code())
    })
}

/// One line of data on stdout. A closed pipe (`scrum status | head`) ends the program quietly.
pub fn say(line: &str) -> anyhow::Result<()> {
    out(&plain(line))
}

/// Lines on stdout whose breaks are ours: tables, blocks. Foreign text in them was made [`plain`].
pub fn say_lines(text: &str) -> anyhow::Result<()> {
    out(text)
}

/// A value as JSON on stdout, on one line.
pub fn say_json(value: &(impl serde::Serialize + ?Sized)) -> anyhow::Result<()> {
    out(&shown_json(&serde_json::to_string(value)?))
}

/// A piece of a line of JSON on stdout, for a list that is too long to be held.
pub fn say_part(json: &str) -> anyhow::Result<()> {
    write(io::stdout().lock(), &shown_json(json))
}

/// One line for a person on stderr. One that can't be written is lost.
pub fn tell(line: &str) {
    err(&plain(line));
}

/// What was wrong, where, and what to do; then exit code 2.
pub fn fail(program: &str, error: &anyhow::Error) -> ExitCode {
    err(&indented(&format!("{program}: {}", chain(error))));
    ExitCode::from(2)
}

/// An error with its causes, each said once: library errors often repeat their source.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

/// Empties the screen and begins at its top.
pub fn clear_screen() -> anyhow::Result<()> {
    // The one escape of our own: nothing foreign is in it.
    write(io::stdout().lock(), "\u{1b}[H\u{1b}[2J")
}

/// Columns of the terminal that stdout is; `None` when it is none.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// The same of stderr, where progress is shown.
pub fn width_of_progress() -> Option<usize> {
    terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0))
}

/// True when a person watches stderr and wants colours.
pub fn fancy() -> bool {
    io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Starts the log on stderr: lines for a person, coloured on a terminal, or JSON. `filter` is a
/// level, or directives of `EnvFilter`.
pub fn start_log(filter: &str, json: bool) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|error| {
        // What the library would say by itself is said around us.
        tell(&format!("log.filter '{filter}' is not used, 'info' is: {error}"));
        EnvFilter::new("info")
    });
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(fancy()).with_target(false);
    let _ = if json {
        log.with_writer(|| JsonLine(io::stderr())).json().try_init()
    } else {
        // Fields hold foreign text; the colours are around them.
        let fields = debug_fn(|out, field, value| {
            let value = plain(&format!("{value:?}"));
            match field.name() {
                "message" => write!(out, "{value}"),
                name => write!(out, "{name}={value}"),
            }
        });
        log.with_writer(|| Lossy(io::stderr())).fmt_fields(fields.delimited(" ")).try_init()
    };
}

/// A line of JSON at a time, made safe.
struct JsonLine(io::Stderr);

impl Write for JsonLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Each event is written whole.
        Lossy(&mut self.0).write(shown_json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A place for the log. What can't be written there is lost, because a disk that is full must not end a
/// program: the library would complain on stderr, and panic when that fails too.
struct Lossy<W>(W);

impl<W: Write> Write for Lossy<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// Indents all lines but the first, so that none of them looks like one of ours.
fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}

fn out(text: &str) -> anyhow::Result<()> {
    write(io::stdout().lock(), &shown(text))?;
    write(io::stdout().lock(), "\n")
}

fn err(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", shown(text));
}

fn write(mut to: impl Write, text: &str) -> anyhow::Result<()> {
    match to.write_all(text.as_bytes()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device without room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_lost_in_silence() {
        let mut log = Lossy(Full);
        assert_eq!(log.write(b"a line").unwrap(), 6);
        log.write_all(b"another").unwrap();
        log.flush().unwrap();
    }

    #[test]
    fn an_error_says_nothing_twice() {
        let inner = io::Error::other("disk full");
        let error = anyhow::Error::new(inner).context("writing the report: disk full");
        assert_eq!(chain(&error), "writing the report: disk full");
    }
}
