//! A stand-in for Lambda as one function sees it.
//!
//! It serves the Runtime API ("Using the Lambda runtime API for custom runtimes") and the two calls of the Extensions
//! API that an extension needs ("Using the Lambda Extensions API"). The order is that of Lambda's Init phase: the
//! extension registers, the function starts, and both ask for the next event.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::HeaderValue,
};
use tempfile::TempDir;
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use crate::{
    failure::Failure,
    plan::Contender,
    process::{Memory, Process},
    server::{Answer, Server, Service, answer, body},
};

/// How long to wait for a signal from a function. A debug build needs minutes for a photo index of a million photos.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a function has for one event; sent to it as the deadline.
const DEADLINE: Duration = PATIENCE;

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";

/// A running function and its extension.
pub(crate) struct Function {
    name: String,
    log: PathBuf,
    /// Where the extension writes the keys file. Deleted on drop.
    _folder: TempDir,
    process: Process,
    extension: Option<Process>,
    started: Instant,
    events: mpsc::UnboundedSender<Bytes>,
    signals: mpsc::UnboundedReceiver<Signal>,
    _server: Server,
}

/// The result of one event.
pub(crate) struct Served {
    /// When the function received the event.
    pub(crate) from: Instant,
    /// When the complete response had arrived.
    pub(crate) to: Instant,
    pub(crate) answer: Bytes,
}

enum Signal {
    /// The function asked for the next event.
    Next(Instant),
    /// The function received an event.
    Given(Instant),
    Answered(Instant, Bytes),
    Failed(Bytes),
    /// The extension has registered.
    Registered,
    /// The extension asked for the next event.
    ExtensionNext,
}

impl Function {
    /// Starts the extension, if there is one, and then the function.
    pub(crate) async fn start(name: &str, contender: &Contender, logs: &Path) -> Result<Self, Failure> {
        let (events, queue) = mpsc::unbounded_channel();
        let (sender, mut signals) = mpsc::unbounded_channel();
        let api = Api { queue: Arc::new(Mutex::new(queue)), signals: sender };
        let server = Server::start(0, api).await?;
        let folder = tempfile::tempdir()?;
        let log = logs.join(format!("{name}.log"));
        let command = |program: &[String]| {
            let mut command = Command::new(program.first().map(String::as_str).unwrap_or_default());
            command.args(program.iter().skip(1)).env_clear().envs(environment(name, contender.memory));
            command.env("AWS_LAMBDA_RUNTIME_API", server.address.to_string()).envs(&contender.environment);
            if contender.extension.is_some() {
                command.env("JWT_KEYS_FILE", folder.path().join("keys.json"));
            }
            command
        };
        let mut extension = None;
        // The measurement begins with the first process, as Lambda's Init phase does.
        let mut started = Instant::now();
        if let Some(program) = &contender.extension {
            extension = Some(Process::start(&mut command(std::slice::from_ref(program)), &log)?);
            while !matches!(timeout(PATIENCE, signals.recv()).await, Ok(Some(Signal::Registered) | None) | Err(_)) {}
        } else {
            started = Instant::now();
        }
        let process = Process::start(&mut command(&contender.command), &log)?;
        let name = name.to_owned();
        Ok(Self { name, log, _folder: folder, process, extension, started, events, signals, _server: server })
    }

    /// Waits until the function and its extension have asked for an event. Returns the function's time since the start.
    pub(crate) async fn ready(&mut self) -> Result<Duration, Failure> {
        let mut ready = None;
        let mut extension_ready = self.extension.is_none();
        while ready.is_none() || !extension_ready {
            match self.signal().await? {
                Signal::Next(at) => ready = Some(at),
                Signal::ExtensionNext => extension_ready = true,
                Signal::Failed(why) => return Err(self.failure(&why)),
                Signal::Given(_) | Signal::Answered(..) | Signal::Registered => {}
            }
        }
        Ok(ready.unwrap_or(self.started).duration_since(self.started))
    }

    /// Sends one event and waits for the response.
    pub(crate) async fn serve(&mut self, event: Bytes) -> Result<Served, Failure> {
        // Sending fails only if the server has ended. Then `signal` fails too.
        let _ = self.events.send(event);
        let mut from = Instant::now();
        loop {
            match self.signal().await? {
                Signal::Given(at) => from = at,
                Signal::Answered(to, answer) => return Ok(Served { from, to, answer }),
                Signal::Failed(why) => return Err(self.failure(&why)),
                Signal::Next(_) | Signal::Registered | Signal::ExtensionNext => {}
            }
        }
    }

    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at.duration_since(self.started)
    }

    /// CPU time of the function, without the extension, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.process.cpu_ns()
    }

    /// Memory of the function, without the extension.
    pub(crate) fn memory(&self) -> Memory {
        self.process.memory()
    }

    pub(crate) fn extension_memory(&self) -> Option<Memory> {
        self.extension.as_ref().map(Process::memory)
    }

    pub(crate) fn failure(&self, what: &[u8]) -> Failure {
        let what = String::from_utf8_lossy(what).chars().take(500).collect::<String>();
        Failure::Function { name: self.name.clone(), what: format!("failed: {what}"), log: self.log.clone() }
    }

    async fn signal(&mut self) -> Result<Signal, Failure> {
        let waiting = Instant::now();
        while waiting.elapsed() < PATIENCE {
            match timeout(Duration::from_secs(1), self.signals.recv()).await {
                Ok(Some(signal)) => return Ok(signal),
                _ if self.process.has_ended() => break,
                _ => {}
            }
        }
        Err(self.failure(b"it exited or was silent for five minutes"))
    }
}

/// The environment variables that Lambda sets for every function ("Defined runtime environment variables").
fn environment(name: &str, memory: u32) -> Vec<(String, String)> {
    let mut environment: Vec<_> = [
        ("AWS_EXECUTION_ENV", "AWS_Lambda_rust"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        // As long as a real token in Lambda.
        ("AWS_SESSION_TOKEN", &"IQoJb3JpZ2luX2Vj".repeat(60)),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    environment.push(("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name.to_owned()));
    environment.push(("AWS_LAMBDA_LOG_GROUP_NAME".to_owned(), format!("/aws/lambda/{name}")));
    environment.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), memory.to_string()));
    environment
}

#[derive(Clone)]
struct Api {
    queue: Arc<Mutex<mpsc::UnboundedReceiver<Bytes>>>,
    signals: mpsc::UnboundedSender<Signal>,
}

impl Api {
    /// Sending fails only after the harness has given up on the function, and then nobody needs the signal.
    fn signal(&self, signal: Signal) {
        let _ = self.signals.send(signal);
    }

    async fn next(&self) -> Answer {
        self.signal(Signal::Next(Instant::now()));
        let Some(event) = self.queue.lock().await.recv().await else {
            return answer(StatusCode::GONE, "");
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = (now + DEADLINE).as_millis();
        let mut next = answer(StatusCode::OK, event);
        let headers = next.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert(REQUEST_ID, HeaderValue::from_static("8476a536-e9f4-11e8-9739-2dfe598c3fcd"));
        headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(u64::try_from(deadline).unwrap_or(u64::MAX)));
        headers.insert(
            "lambda-runtime-invoked-function-arn",
            HeaderValue::from_static("arn:aws:lambda:eu-central-1:123456789012:function:bench"),
        );
        headers.insert(
            "lambda-runtime-trace-id",
            HeaderValue::from_static("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"),
        );
        self.signal(Signal::Given(Instant::now()));
        next
    }
}

impl Service for Api {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        match path.rsplit('/').next().unwrap_or_default() {
            "next" if path.contains("/extension/") => {
                self.signal(Signal::ExtensionNext);
                // Never send an event: a waiting extension costs nothing, as between two events in Lambda.
                std::future::pending().await
            }
            "next" => self.next().await,
            "response" => {
                let answered = body(request).await;
                self.signal(Signal::Answered(Instant::now(), answered));
                answer(StatusCode::ACCEPTED, "")
            }
            "error" => {
                self.signal(Signal::Failed(body(request).await));
                answer(StatusCode::ACCEPTED, "")
            }
            "register" => {
                self.signal(Signal::Registered);
                let mut registered: Response<_> = answer(StatusCode::OK, "{}");
                registered.headers_mut().insert("lambda-extension-identifier", HeaderValue::from_static("bench"));
                registered
            }
            _ => answer(StatusCode::NOT_FOUND, ""),
        }
    }
}
