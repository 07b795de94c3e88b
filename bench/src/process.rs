//! A child process and its CPU time and memory, read from `/proc` (`man 5 proc`).

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde::Serialize;

/// A child process that is killed on drop.
pub(crate) struct Process(Child);

/// Memory in KiB.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Memory {
    resident_kib: u64,
    peak_kib: u64,
}

impl Memory {
    /// The larger of both, value by value.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { resident_kib: self.resident_kib.max(other.resident_kib), peak_kib: self.peak_kib.max(other.peak_kib) }
    }
}

impl Process {
    /// Starts a command and appends its output to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let log = fs::OpenOptions::new().create(true).append(true).open(log)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self(child))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// CPU time so far of all live threads, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let Ok(threads) = fs::read_dir(self.folder().join("task")) else { return 0 };
        threads
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut status = String::new();
        // A process that has just exited has no status file.
        let _ = fs::File::open(self.folder().join("status")).and_then(|mut file| file.read_to_string(&mut status));
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()
        };
        Memory { resident_kib: field("VmRSS").unwrap_or_default(), peak_kib: field("VmHWM").unwrap_or_default() }
    }

    fn folder(&self) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
