use std::time::Duration;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata as _, SdkError},
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue},
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use uuid::Uuid;

use super::job::{Archive, Counts, Job, JobState, MAX_RUNNING, Size, Stop, Subject};
use crate::{
    config::ConfigError,
    photos::{Amount, Delta, UsageChange},
    storage::{
        CloudError, ErrorKind,
        objects::ObjectVersion,
        table::{
            Item, MalformedItem, Table, Write, epoch_seconds, is_past, item_key, number, optional, optional_number,
            required, required_number, send, text, time,
        },
    },
    time::{now, rfc3339},
    users::UserKey,
};

/// How the range keys of jobs begin.
const JOB: &str = "job#";

/// The attribute that only exports have: the sizes of the archives that they have made.
const FILES: &str = "files";

/// How long a call may work on a chunk. This is longer than the function can run, so the holder of an expired lease is
/// dead.
pub(super) const LEASE: Duration = Duration::from_mins(2);

/// How long a job is shown after its end. Its report expires with it.
const SHOWN_AFTER_END: Duration = Duration::from_hours(30 * 24);

/// The jobs in the table `library`, in the user's partition: `job#{id}` is a [`Job`]. It has the progress of each lane,
/// `lane{k}` and `lease{k}`, and a `ttl` once it is over. The ids of the running jobs are in the user's
/// [`Usage`](crate::photos::Usage). The write that releases what the archive has reserved also removes the id.
#[derive(Clone, Debug)]
pub struct JobStore {
    table: Table,
}

impl JobStore {
    /// Uses the table that `LIBRARY_TABLE` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { table: Table::library(aws)? })
    }

    /// Stores a new job. Returns false and stores nothing if the user has [`MAX_RUNNING`] running jobs.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub(super) async fn start(&self, user: &UserKey, job: &Job) -> Result<bool, CloudError> {
        let usage = UsageChange { job_started: Some((job.id, MAX_RUNNING)), ..UsageChange::default() };
        let writes = vec![usage.write(&self.table, user), self.create(user, job)];
        Ok(self.table.transact(writes).await?.is_none())
    }

    /// The write that creates a job.
    pub(crate) fn create(&self, user: &UserKey, job: &Job) -> Write {
        let mut item = item_key(user, &job_item(job.id));
        let mut values = vec![("state", text(job.state.as_str())), ("createdAt", time(job.created_at))];
        match &job.subject {
            Subject::Archive(Archive { filename, upload, version }) => values.extend([
                ("filename", text(filename)),
                ("upload", text(upload.to_string())),
                ("etag", text(&version.etag)),
                ("size", number(version.size)),
            ]),
            Subject::Photos { files } => values.push((FILES, numbers(files))),
        }
        item.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Write::Put(self.table.put_new(item))
    }

    /// A job; `None` if there is none, or if it was over too long ago.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn get(&self, user: &UserKey, id: Uuid) -> Result<Option<Job>, CloudError> {
        let item = self.table.get(item_key(user, &job_item(id))).await?;
        Ok(item.filter(|item| !is_past(item, now())).map(|item| from_item(&item)).transpose()?)
    }

    /// At most `limit` jobs, newest first, starting after the job `after`. The flag tells whether there may be more.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn list(
        &self,
        user: &UserKey,
        limit: usize,
        after: Option<Uuid>,
    ) -> Result<(Vec<Job>, bool), CloudError> {
        let query = self.table.query_prefix(user, JOB).scan_index_forward(false);
        let mut start = after.map(|id| item_key(user, &job_item(id)));
        let mut jobs = Vec::new();
        loop {
            let page = query.clone().set_exclusive_start_key(start).send().await?;
            for item in page.items() {
                if !is_past(item, now()) {
                    jobs.push(from_item(item)?);
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() || jobs.len() > limit {
                let has_more = jobs.len() > limit;
                jobs.truncate(limit);
                return Ok((jobs, has_more));
            }
        }
    }

    /// Stores what the plan says, unless another call has done so.
    pub(super) async fn plan(&self, user: &UserKey, id: Uuid, size: &Size) -> Result<(), CloudError> {
        let sizes = ["entries = :entries", "totalBytes = :bytes", "chunks = :chunks"].map(str::to_owned);
        let lanes = (0..size.lanes.len()).map(|lane| format!("lane{lane} = :zero"));
        let set: Vec<_> = sizes.into_iter().chain(lanes).collect();
        let update = self
            .update(user, id)
            .update_expression(format!("SET {}", set.join(", ")))
            .condition_expression("attribute_not_exists(chunks) AND #state = :running")
            .expression_attribute_values(":entries", number(size.entries))
            .expression_attribute_values(":bytes", number(size.bytes))
            .expression_attribute_values(":chunks", number(size.chunks.into()));
        let update =
            if size.lanes.is_empty() { update } else { update.expression_attribute_values(":zero", number(0)) };
        self.apply(update).await.map(|_| ())
    }

    /// Notes that each lane has its message.
    pub(super) async fn started(&self, user: &UserKey, id: Uuid) -> Result<(), CloudError> {
        let update = self.update(user, id).update_expression("SET started = :true");
        let update = update
            .condition_expression("#state = :running")
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        self.apply(update).await.map(|_| ())
    }

    /// Takes the lease for a lane's next chunk. Returns whether another call may have had it before, and done a part of
    /// the chunk. `None` if another call has it now, or if the lane is not at `done` any more.
    pub(super) async fn begin(
        &self,
        user: &UserKey,
        id: Uuid,
        lane: u32,
        done: u32,
    ) -> Result<Option<bool>, CloudError> {
        let now = now();
        // The SDK repeats an update whose response was lost, so the lease may be this one. Its id tells.
        let until = text(format!("{} {}", rfc3339(now + LEASE), Uuid::now_v7()));
        let update = self
            .update(user, id)
            .update_expression("SET #lease = :until")
            .condition_expression(
                "#lane = :done AND #state = :running \
                 AND (attribute_not_exists(#lease) OR #lease <= :now OR #lease = :until)",
            )
            .expression_attribute_names("#lease", format!("lease{lane}"))
            .expression_attribute_names("#lane", format!("lane{lane}"))
            .expression_attribute_values(":done", number(done.into()))
            .expression_attribute_values(":until", until)
            .expression_attribute_values(":now", time(now))
            .return_values(ReturnValue::UpdatedOld);
        match send(update).await {
            Ok(updated) => Ok(Some(updated.attributes.is_some_and(|old| !old.is_empty()))),
            Err(error) => unless_refused(error).map(|()| None),
        }
    }

    /// Counts a lane's chunk as done, once. Returns the job, or `None` if the chunk was counted before or the job is
    /// over. It may have been counted by this call: the SDK repeats an update whose response was lost.
    pub(super) async fn complete(
        &self,
        user: &UserKey,
        id: Uuid,
        (lane, done): (u32, u32),
        counts: Counts,
    ) -> Result<Option<Job>, CloudError> {
        let update = self
            .update(user, id)
            .update_expression(
                "SET #lane = :next REMOVE #lease \
                 ADD #stored :stored, #skipped :skipped, #failed :failed, #bytes :bytes",
            )
            .expression_attribute_names("#lease", format!("lease{lane}"))
            .condition_expression("#lane = :done AND #state = :running")
            .expression_attribute_names("#lane", format!("lane{lane}"))
            .expression_attribute_names("#stored", "stored")
            .expression_attribute_names("#skipped", "skipped")
            .expression_attribute_names("#failed", "failed")
            .expression_attribute_names("#bytes", "bytes")
            .expression_attribute_values(":done", number(done.into()))
            .expression_attribute_values(":next", number(u64::from(done) + 1))
            .expression_attribute_values(":stored", number(counts.stored))
            .expression_attribute_values(":skipped", number(counts.skipped))
            .expression_attribute_values(":failed", number(counts.failed))
            .expression_attribute_values(":bytes", number(counts.bytes));
        self.apply(update).await
    }

    /// Stops a running job: the rest of it is reported without being read. Returns the job, or `None` if it is over. A
    /// job that is stopping already keeps its first reason.
    pub(super) async fn stop(&self, user: &UserKey, id: Uuid, stop: &Stop) -> Result<Option<Job>, CloudError> {
        let value = match stop {
            Stop::Cancelled => String::new(),
            Stop::Failed(problem) => problem.clone(),
        };
        let update = self
            .update(user, id)
            .update_expression("SET stopped = if_not_exists(stopped, :stop)")
            .condition_expression("#state = :running")
            .expression_attribute_values(":stop", text(value));
        self.apply(update).await
    }

    /// Ends a running job and releases what its archive has reserved. `files` are the sizes of the archives that an
    /// export has made. Returns false and changes nothing if the job is over, or was told to stop since it was read.
    pub(super) async fn end(&self, user: &UserKey, job: &Job, files: &[u64]) -> Result<bool, CloudError> {
        let now = now();
        let (state, condition) = match job.stop {
            None => (JobState::Done, "#state = :running AND attribute_not_exists(stopped)"),
            Some(Stop::Cancelled) => (JobState::Cancelled, "#state = :running"),
            Some(Stop::Failed(_)) => (JobState::Failed, "#state = :running"),
        };
        let mut set = "SET #state = :state, finishedAt = :now, #ttl = :ttl".to_owned();
        let mut ended = self
            .table
            .update(item_key(user, &job_item(job.id)))
            .condition_expression(condition)
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":state", text(state.as_str()))
            .expression_attribute_values(":running", text(JobState::Running.as_str()))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":ttl", epoch_seconds(now + SHOWN_AFTER_END));
        if matches!(job.subject, Subject::Photos { .. }) {
            set.push_str(", files = :files");
            ended = ended.expression_attribute_values(":files", numbers(files));
        }
        let ended = ended.update_expression(set);
        let reserved = Amount { bytes: job.reserved(), photos: 0 };
        let usage = UsageChange {
            total: Delta::Subtract(reserved),
            reserved: Delta::Subtract(reserved),
            job_ended: Some(job.id),
            ..UsageChange::default()
        };
        Ok(self.table.transact(vec![Write::Update(ended), usage.write(&self.table, user)]).await?.is_none())
    }

    fn update(&self, user: &UserKey, id: Uuid) -> UpdateItemFluentBuilder {
        self.table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(item_key(user, &job_item(id))))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":running", text(JobState::Running.as_str()))
    }

    /// The job after an update; `None` if the condition of the update does not hold.
    async fn apply(&self, update: UpdateItemFluentBuilder) -> Result<Option<Job>, CloudError> {
        match send(update.return_values(ReturnValue::AllNew)).await {
            Ok(updated) => {
                let none = || CloudError::unusable("the update returned no attributes");
                Ok(Some(from_item(&updated.attributes.ok_or_else(none)?)?))
            }
            Err(error) => unless_refused(error).map(|()| None),
        }
    }
}

/// No error if the condition of an update did not hold.
fn unless_refused(error: SdkError<UpdateItemError>) -> Result<(), CloudError> {
    let is_refused = error.code() == Some("ConditionalCheckFailedException");
    let error = CloudError::from(error);
    if is_refused && error.kind() == ErrorKind::Precondition { Ok(()) } else { Err(error) }
}

fn numbers(numbers: &[u64]) -> AttributeValue {
    AttributeValue::L(numbers.iter().map(|one| number(*one)).collect())
}

fn job_item(id: Uuid) -> String {
    format!("{JOB}{id}")
}

fn from_item(item: &Item) -> Result<Job, MalformedItem> {
    let owned = |text: &str| Some(text.to_owned());
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let count = |name| optional_number(item, name).unwrap_or_default();
    let short = |number: u64| u32::try_from(number).ok();
    let size = match optional_number(item, "chunks").and_then(short) {
        Some(chunks) => {
            let lane = |lane: u32| item.get(&format!("lane{lane}"))?.as_n().ok()?.parse().ok();
            Some(Size {
                entries: required_number(item, "entries")?,
                bytes: required_number(item, "totalBytes")?,
                chunks,
                lanes: (0..).map_while(lane).collect(),
            })
        }
        None => None,
    };
    let subject = match item.get(FILES).and_then(|files| files.as_l().ok()) {
        Some(files) => {
            Subject::Photos { files: files.iter().filter_map(|size| size.as_n().ok()?.parse().ok()).collect() }
        }
        None => Subject::Archive(Archive {
            filename: required(item, "filename", owned)?,
            upload: required(item, "upload", |id| Uuid::try_parse(id).ok())?,
            version: ObjectVersion {
                etag: required(item, "etag", owned)?,
                size: required_number(item, "size")?,
                version: None,
                upload: None,
            },
        }),
    };
    Ok(Job {
        id: required(item, "item", |key| Uuid::try_parse(key.strip_prefix(JOB)?).ok())?,
        subject,
        state: required(item, "state", JobState::parse)?,
        created_at: required(item, "createdAt", time)?,
        finished_at: optional(item, "finishedAt", time)?,
        size,
        is_started: item.contains_key("started"),
        counts: Counts {
            stored: count("stored"),
            skipped: count("skipped"),
            failed: count("failed"),
            bytes: count("bytes"),
        },
        stop: optional(item, "stopped", |reason| {
            Some(if reason.is_empty() { Stop::Cancelled } else { Stop::Failed(reason.to_owned()) })
        })?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_lease_outlasts_its_holder() {
        let manifest: Value = serde_json::from_str(include_str!("../../service.json")).unwrap();
        let timeout = manifest["functions"]["run_jobs"]["timeout"].as_u64().unwrap();
        assert!(timeout < LEASE.as_secs());
    }
}
