//! The servers that the extension calls, with just enough HTTP/1.1 for one request per connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use layer_jwt::testing::SigningKey;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

struct Request {
    line: String,
    /// With lower-case names.
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    async fn read(connection: &mut TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(connection);
        let mut line = String::new();
        reader.read_line(&mut line).await.ok()?;
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).await.ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { line, headers, body: String::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).await.ok()?;
        request.body = String::from_utf8(body).unwrap();
        Some(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

async fn respond(connection: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nlambda-extension-identifier: the-id\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    // Writing fails if the extension has exited, which is fine.
    let _ = connection.write_all(format!("{head}{body}").as_bytes()).await;
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    (listener, host)
}

/// An issuer that can rotate its keys, fail and hang.
pub(crate) struct FakeIssuer {
    host: String,
    state: Arc<Mutex<IssuerState>>,
}

#[derive(Default)]
struct IssuerState {
    fetches: usize,
    hangs: bool,
    /// `None` while the issuer fails.
    set: Option<String>,
}

impl FakeIssuer {
    pub(crate) async fn start() -> Self {
        let (listener, host) = listen().await;
        let state = Arc::new(Mutex::new(IssuerState::default()));
        let issuer = Self { host, state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    let Some(request) = Request::read(&mut connection).await else { return };
                    assert!(request.line.starts_with("GET /.well-known/jwks.json "));
                    let (hangs, set) = {
                        let mut state = state.lock().unwrap();
                        state.fetches += 1;
                        (state.hangs, state.set.clone())
                    };
                    if hangs {
                        sleep(Duration::from_mins(1)).await;
                    }
                    match set {
                        Some(set) => respond(&mut connection, "200 OK", &set).await,
                        None => respond(&mut connection, "503 Service Unavailable", "").await,
                    }
                });
            }
        });
        issuer
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.state.lock().unwrap().set = Some(json!({"keys": keys}).to_string());
    }

    pub(crate) fn fail(&self) {
        self.state.lock().unwrap().set = None;
    }

    pub(crate) fn hang(&self) {
        self.state.lock().unwrap().hangs = true;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.state.lock().unwrap().fetches
    }
}

pub(crate) struct FakeLambda {
    host: String,
    state: Arc<LambdaState>,
    events: mpsc::UnboundedSender<&'static str>,
}

#[derive(Default)]
struct LambdaState {
    registration: Mutex<Option<(String, String)>>,
    waiting: Mutex<bool>,
    requested: Notify,
    refuses: Mutex<bool>,
}

impl FakeLambda {
    pub(crate) async fn start() -> Self {
        let (listener, host) = listen().await;
        let state = Arc::new(LambdaState::default());
        let (events, mut queue) = mpsc::unbounded_channel();
        let lambda = Self { host, state: Arc::clone(&state), events };
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let Some(request) = Request::read(&mut connection).await else { continue };
                if request.line.starts_with("POST /2020-01-01/extension/register ") {
                    let name = request.header("lambda-extension-name").unwrap().to_owned();
                    *state.registration.lock().unwrap() = Some((name, request.body));
                    respond(&mut connection, "200 OK", "{}").await;
                    continue;
                }
                assert!(request.line.starts_with("GET /2020-01-01/extension/event/next "));
                assert_eq!(request.header("lambda-extension-identifier"), Some("the-id"));
                if *state.refuses.lock().unwrap() {
                    respond(&mut connection, "500 Internal Server Error", "{}").await;
                    continue;
                }
                *state.waiting.lock().unwrap() = true;
                state.requested.notify_one();
                let Some(event) = queue.recv().await else { return };
                *state.waiting.lock().unwrap() = false;
                respond(&mut connection, "200 OK", &json!({"eventType": event, "deadlineMs": 1}).to_string()).await;
            }
        });
        lambda
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The extension's name and the body of its registration.
    pub(crate) fn registration(&self) -> (String, String) {
        self.state.registration.lock().unwrap().clone().unwrap()
    }

    /// Whether the extension waits for an event. Lambda freezes the sandbox only then.
    pub(crate) fn waiting(&self) -> bool {
        *self.state.waiting.lock().unwrap()
    }

    /// Sends INVOKE and waits until the extension requests the next event.
    pub(crate) async fn invoke(&self) {
        self.ready().await;
        self.events.send("INVOKE").unwrap();
        self.state.requested.notified().await;
        self.state.requested.notify_one();
    }

    pub(crate) fn shutdown(&self) {
        self.events.send("SHUTDOWN").unwrap();
    }

    /// Makes requests for events fail with status 500.
    pub(crate) fn refuse_events(&self) {
        *self.state.refuses.lock().unwrap() = true;
    }

    /// Waits until the extension requests an event.
    async fn ready(&self) {
        let requested = timeout(Duration::from_secs(10), self.state.requested.notified());
        requested.await.expect("the extension does not request events");
    }
}
