//! The process that renders one photo: see [`yourplace::renditions::Renderer`].

use std::{
    env,
    error::Error,
    io::{self, Read as _, Write as _},
    process,
    time::SystemTime,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rlimit::Resource;
use yourplace::{
    renditions::{ARGUMENT, LIMITS, Limits, write_metadata, write_rendered},
    telemetry::Chain,
};

/// How far the clock of a camera may be ahead of UTC: some time zones are, and so are some clocks.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Renders the photo at the standard input and ends the process, if the process was started for that. Each program that
/// uses [`yourplace::renditions::Renderer`] calls this first.
pub fn serve() {
    if env::args().nth(1).as_deref() == Some(ARGUMENT) {
        let result = run(LIMITS);
        if let Err(error) = &result {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "{}", Chain(error.as_ref()));
        }
        process::exit(i32::from(result.is_err()));
    }
}

/// The kernel ends the process if it uses more.
fn run(limits: Limits) -> Result<(), Box<dyn Error>> {
    rlimit::setrlimit(Resource::AS, limits.memory, limits.memory)?;
    let seconds = limits.time.as_secs();
    rlimit::setrlimit(Resource::CPU, seconds, seconds)?;
    rlimit::setrlimit(Resource::CORE, 0, 0)?;
    let mut photo = Vec::new();
    io::stdin().read_to_end(&mut photo)?;
    let latest = Timestamp::try_from(SystemTime::now())? + AHEAD;
    let mut output = io::stdout();
    output.write_all(&write_metadata(&crate::metadata(&photo, latest.to_zoned(TimeZone::UTC).datetime())))?;
    output.flush()?;
    output.write_all(&write_rendered(&crate::render(&photo)?))?;
    output.flush()?;
    Ok(())
}
