//! Runs the extension's binary against an Extensions API and issuers inside the test.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails should fail its test")]

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

/// A Lambda sandbox with two issuers, both of which publish the key `first`.
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

    /// The command that starts the extension, which then refreshes keys at this age.
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

    fn start(&self, refresh_seconds: u64) -> Running {
        Running::start(&mut self.extension(refresh_seconds))
    }

    /// The number of issuers whose keys are in the file.
    fn issuers_in_file(&self) -> usize {
        KeysFile::at(self.path()).read().map_or(0, |keys| keys.len())
    }

    /// Verifies a token as a function with the extension would if it could not reach the issuers itself.
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

/// A running extension, which is killed at the end of its test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Waits for the extension to exit.
    async fn exit(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < LIMIT, "the extension does not exit");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Killing fails if the extension has exited, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LIMIT, "timed out waiting for {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn it_registers_with_its_file_name_for_invoke_and_shutdown() {
    let sandbox = Sandbox::new().await;
    let _extension = sandbox.start(600);
    eventually("a registration", || sandbox.lambda.waiting()).await;
    let (name, body) = sandbox.lambda.registration();
    assert_eq!(name, "layer-jwt");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"events": ["INVOKE", "SHUTDOWN"]}));
}

#[tokio::test]
async fn a_function_uses_the_keys_fetched_at_the_start() {
    let sandbox = Sandbox::new().await;
    let _extension = sandbox.start(600);
    eventually("keys", || sandbox.issuers_in_file() == 2).await;
    sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.unwrap();
    sandbox.verify(&FIRST.token(&sandbox.other_claims())).await.unwrap();
    assert_eq!(sandbox.pool.fetches() + sandbox.other.fetches(), 2);
}

#[tokio::test]
async fn fresh_keys_are_not_fetched_again() {
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
async fn old_keys_are_fetched_again_only_on_an_invocation() {
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
        assert!(started.elapsed() < LIMIT, "timed out waiting for the rotated key");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.is_err());
}

#[tokio::test]
async fn a_slow_issuer_delays_no_event() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.hang();
    let _extension = sandbox.start(0);
    let started = Instant::now();
    eventually("the request for an event", || sandbox.lambda.waiting()).await;
    for _ in 0..20 {
        sandbox.lambda.invoke().await;
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_issuer_that_hangs_does_not_delay_the_keys_of_another() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.hang();
    let _extension = sandbox.start(600);
    eventually("keys", || sandbox.issuers_in_file() == 1).await;
    sandbox.verify(&FIRST.token(&sandbox.other_claims())).await.unwrap();
    let error = sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unavailable { issuer, .. } if issuer == sandbox.pool.url()));
}

#[tokio::test]
async fn an_issuer_that_recovers_is_fetched_from_again() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.fail();
    let _extension = sandbox.start(0);
    eventually("keys", || sandbox.issuers_in_file() == 1 && sandbox.pool.fetches() == 1).await;
    sandbox.pool.publish(&[&SECOND]);
    sandbox.lambda.invoke().await;
    eventually("the keys of the issuer that recovered", || sandbox.issuers_in_file() == 2).await;
}

#[tokio::test]
async fn the_keys_of_an_issuer_that_fails_are_kept_even_after_a_restart() {
    let sandbox = Sandbox::new().await;
    let mut extension = sandbox.start(0);
    eventually("keys", || sandbox.issuers_in_file() == 2).await;
    sandbox.pool.fail();
    sandbox.lambda.invoke().await;
    eventually("a fetch", || sandbox.pool.fetches() == 2).await;
    sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.unwrap();

    // A restart in the same sandbox.
    sandbox.lambda.shutdown();
    extension.exit().await;
    let _extension = sandbox.start(0);
    eventually("a fetch", || sandbox.pool.fetches() == 3 && sandbox.lambda.waiting()).await;
    sleep(Duration::from_millis(100)).await;
    sandbox.verify(&FIRST.token(&sandbox.pool_claims())).await.unwrap();
}

#[tokio::test]
async fn a_set_without_a_usable_key_is_not_written() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.publish(&[]);
    let _extension = sandbox.start(600);
    eventually("keys", || sandbox.issuers_in_file() == 1).await;
    eventually("a fetch", || sandbox.pool.fetches() == 1).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(sandbox.issuers_in_file(), 1);
}

#[tokio::test]
async fn it_exits_on_shutdown_even_during_a_fetch() {
    let sandbox = Sandbox::new().await;
    sandbox.pool.hang();
    let mut extension = sandbox.start(600);
    eventually("a fetch", || sandbox.pool.fetches() == 1 && sandbox.lambda.waiting()).await;
    let started = Instant::now();
    sandbox.lambda.shutdown();
    assert!(extension.exit().await.success());
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn without_valid_issuers_it_keeps_running() {
    let sandbox = Sandbox::new().await;
    for issuers in [None, Some("not JSON")] {
        let mut command = sandbox.extension(600);
        match issuers {
            None => command.env_remove("TRUSTED_ISSUERS"),
            Some(issuers) => command.env("TRUSTED_ISSUERS", issuers),
        };
        let mut extension = Running::start(&mut command);
        eventually("the request for an event", || sandbox.lambda.waiting()).await;
        sandbox.lambda.invoke().await;
        sandbox.lambda.shutdown();
        assert!(extension.exit().await.success());
        assert!(!sandbox.path().exists());
    }
}

#[tokio::test]
async fn it_keeps_running_if_the_file_cannot_be_written() {
    let sandbox = Sandbox::new().await;
    let mut command = sandbox.extension(0);
    let mut extension = Running::start(command.env("JWT_KEYS_FILE", "/nowhere/keys.json"));
    eventually("a fetch", || sandbox.pool.fetches() == 1 && sandbox.lambda.waiting()).await;
    sandbox.lambda.invoke().await;
    sandbox.lambda.shutdown();
    assert!(extension.exit().await.success());
}

#[tokio::test]
async fn it_exits_if_the_extensions_api_fails() {
    let sandbox = Sandbox::new().await;
    let mut extension = Running::start(sandbox.extension(600).env_remove("AWS_LAMBDA_RUNTIME_API"));
    assert!(!extension.exit().await.success());
    let mut extension = Running::start(sandbox.extension(600).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"));
    assert!(!extension.exit().await.success());
    sandbox.lambda.refuse_events();
    let mut extension = sandbox.start(600);
    assert!(!extension.exit().await.success());
}
