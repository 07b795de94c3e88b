//! The extension's binary against an Extensions API and issuers that run in the test.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail the test")]

mod server;

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use layer_jwt::testing::{InMemoryKeys, SigningKey, id_claims, oidc_claims, with};
use layer_jwt::{Issuers, KeysFile, Verifier, VerifyError};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use server::{FakeIssuer, FakeLambda};

static FIRST: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("first"));
static SECOND: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("second"));

const LIMIT: Duration = Duration::from_secs(10);

/// A function's sandbox with two issuers, of which each publishes the key `first`.
struct Sandbox {
    lambda: FakeLambda,
    pool: FakeIssuer,
    other: FakeIssuer,
    tmp: TempDir,
}

impl Sandbox {
    async fn new() -> Self {
        let sandbox = Self {
            lambda: FakeLambda::start().await,
            pool: FakeIssuer::start().await,
            other: FakeIssuer::start().await,
            tmp: TempDir::new().unwrap(),
        };
        sandbox.pool.publish(&[&FIRST]);
        sandbox.other.publish(&[&FIRST]);
        sandbox
    }

    fn path(&self) -> PathBuf {
        self.tmp.path().join("keys.json")
    }

    fn trusted_issuers(&self) -> String {
        json!([
            {"issuer": self.pool.url(), "audiences": ["client-1"], "kind": "cognito"},
            {"issuer": self.other.url(), "audiences": ["https://api.example/"], "kind": "oidc", "alias": "other"},
        ])
        .to_string()
    }

    /// The extension, which fetches keys again at the age of so many seconds.
    fn extension(&self, refresh_seconds: u64) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layer-jwt"));
        command
            .env("AWS_LAMBDA_RUNTIME_API", self.lambda.host())
            .env("TRUSTED_ISSUERS", self.trusted_issuers())
            .env("JWT_KEYS_FILE", self.path())
            .env("JWT_KEYS_REFRESH_SECONDS", refresh_seconds.to_string())
            .stdout(Stdio::null());
        command
    }

    /// The extension, started.
    fn start(&self, refresh_seconds: u64) -> Running {
        Running::start(&mut self.extension(refresh_seconds))
    }

    /// How many issuers' keys are in the file.
    fn issuers_in_file(&self) -> usize {
        KeysFile::at(self.path()).read().map_or(0, |keys| keys.len())
    }

    /// What a function beside the extension says of a token; it can't reach the issuers itself.
    async fn verify(&self, token: &str) -> Result<(), VerifyError> {
        let issuers = Issuers::from_json(&self.trusted_issuers()).unwrap();
        let file = Some(KeysFile::at(self.path()));
        let verifier = Verifier::with_keys_file(&issuers, InMemoryKeys::new(), file);
        verifier.verify(token).await.map(drop)
    }

    fn pool_claims(&self) -> Value {
        with(id_claims("ann"), "iss", json!(self.pool.url()))
    }

    fn other_claims(&self) -> Value {
        with(oidc_claims("ann"), "iss", json!(self.other.url()))
    }
}

/// A started extension, which is killed when its test ends first.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Waits for its end.
    async fn end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < LIMIT, "it does not end");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LIMIT, "it never came: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn it_registers_by_its_name_for_invocations_and_the_end() {
    let sandbox = Sandbox::new().await;
    let _extension = sandbox.start(600);
    eventually("a registration", || sandbox.lambda.waiting()).await;
    let (name, body) = sandbox.lambda.registration();
    assert_eq!(name, "layer-jwt");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"events": ["INVOKE", "SHUTDOWN"]}));
}

#[tokio::test]
async fn a_function_uses_the_keys_that_it_fetched_at_the_start() {
    let sandbox = Sandbox::new().await;
    let _extension = sandbox.start(600);
    eventually("keys", || sandbox.issuers_in_file() == 2).await;
    sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.unwrap();
    sandbox.verify(&FIRST.token(&sandbox.other_claims())).await.unwrap();
    assert_eq!(sandbox.pool.fetches() + sandbox.other.fetches(), 2);
}

#[tokio::test]
async fn young_keys_are_not_fetched_again() {
    let sandbox = Sandbox::new().await;
    let _extension = sandbox.start(600);
    eventually("keys", || sandbox.issuers_in_file() == 2).await;
    for _ in 0..10 {
        sandbox.lambda.invoke().await;
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(sandbox.pool.fetches(), 1);
}

#[tokio::test]
async fn keys_grown_old_are_fetched_again_on_an_invocation_alone() {
    let sandbox = Sandbox::new().await;
    let _extension = sandbox.start(1);
    eventually("keys", || sandbox.issuers_in_file() == 2).await;
    sandbox.pool.publish(&[&SECOND]);
    sleep(Duration::from_millis(2100)).await;
    assert_eq!(sandbox.pool.fetches(), 1);
    sandbox.lambda.invoke().await;
    eventually("a fetch", || sandbox.pool.fetches() == 2 && sandbox.other.fetches() == 2).await;
    let token = SECOND.token(&sandbox.pool_claims());
    let started = Instant::now();
    while sandbox.verify(&token).await.is_err() {
        assert!(started.elapsed() < LIMIT, "the rotated key never came");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.is_err());
}

#[tokio::test]
async fn no_event_waits_for_an_issuer() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.hang();
    let _extension = sandbox.start(0);
    let started = Instant::now();
    eventually("the wait for an event", || sandbox.lambda.waiting()).await;
    for _ in 0..20 {
        sandbox.lambda.invoke().await;
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_issuer_that_is_down_does_not_keep_another_s_keys_back() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.hang();
    let _extension = sandbox.start(600);
    eventually("keys", || sandbox.issuers_in_file() == 1).await;
    sandbox.verify(&FIRST.token(&sandbox.other_claims())).await.unwrap();
    let refused = sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await;
    assert_eq!(refused, Err(VerifyError::Unavailable { issuer: sandbox.pool.url() }));
}

#[tokio::test]
async fn an_issuer_that_comes_back_is_asked_again() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.fail();
    let _extension = sandbox.start(0);
    eventually("keys", || sandbox.issuers_in_file() == 1 && sandbox.pool.fetches() == 1).await;
    sandbox.pool.publish(&[&SECOND]);
    sandbox.lambda.invoke().await;
    eventually("keys of the issuer that came back", || sandbox.issuers_in_file() == 2).await;
}

#[tokio::test]
async fn keys_of_an_issuer_that_goes_down_are_kept() {
    let sandbox = Sandbox::new().await;
    let mut extension = sandbox.start(0);
    eventually("keys", || sandbox.issuers_in_file() == 2).await;
    sandbox.pool.fail();
    sandbox.lambda.invoke().await;
    eventually("a fetch", || sandbox.pool.fetches() == 2).await;
    sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.unwrap();

    // And over a restart in the same sandbox.
    sandbox.lambda.shutdown();
    extension.end().await;
    let _extension = sandbox.start(0);
    eventually("a fetch", || sandbox.pool.fetches() == 3 && sandbox.lambda.waiting()).await;
    sleep(Duration::from_millis(100)).await;
    sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.unwrap();
}

#[tokio::test]
async fn a_set_without_a_usable_key_is_no_answer() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.publish(&[]);
    let _extension = sandbox.start(600);
    eventually("keys", || sandbox.issuers_in_file() == 1).await;
    eventually("a fetch", || sandbox.pool.fetches() == 1).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(sandbox.issuers_in_file(), 1);
}

#[tokio::test]
async fn it_ends_on_shutdown_even_in_the_middle_of_a_fetch() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.hang();
    let mut extension = sandbox.start(600);
    eventually("a fetch", || sandbox.pool.fetches() == 1 && sandbox.lambda.waiting()).await;
    let started = Instant::now();
    sandbox.lambda.shutdown();
    assert!(extension.end().await.success());
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn without_issuers_it_does_no_harm() {
    let sandbox = Sandbox::new().await;
    for issuers in [None, Some("not JSON")] {
        let mut command = sandbox.extension(600);
        match issuers {
            None => command.env_remove("TRUSTED_ISSUERS"),
            Some(issuers) => command.env("TRUSTED_ISSUERS", issuers),
        };
        let mut extension = Running::start(&mut command);
        eventually("the wait for an event", || sandbox.lambda.waiting()).await;
        sandbox.lambda.invoke().await;
        sandbox.lambda.shutdown();
        assert!(extension.end().await.success());
        assert!(!sandbox.path().exists());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_does_no_harm() {
    let sandbox = Sandbox::new().await;
    let mut command = sandbox.extension(0);
    let mut extension = Running::start(command.env("JWT_KEYS_FILE", "/nowhere/keys.json"));
    eventually("a fetch", || sandbox.pool.fetches() == 1 && sandbox.lambda.waiting()).await;
    sandbox.lambda.invoke().await;
    sandbox.lambda.shutdown();
    assert!(extension.end().await.success());
}

#[tokio::test]
async fn it_ends_when_the_extensions_api_does_not_work() {
    let sandbox = Sandbox::new().await;
    let mut extension = Running::start(sandbox.extension(600).env_remove("AWS_LAMBDA_RUNTIME_API"));
    assert!(!extension.end().await.success());
    let mut extension = Running::start(sandbox.extension(600).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"));
    assert!(!extension.end().await.success());
    sandbox.lambda.refuse_events();
    let mut extension = sandbox.start(600);
    assert!(!extension.end().await.success());
}
