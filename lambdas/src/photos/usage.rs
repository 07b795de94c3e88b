use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    config::{self, ConfigError},
    storage::table::{Item, Table, Write, item_key, number, optional, optional_number, text, time},
    users::UserKey,
};

/// The item that counts what a user stores.
pub(crate) const USAGE: &str = "usage";

/// The value of `hasTrash`, by which the index `trashes` finds the users who have a trash. Others lack the attribute.
pub(super) const YES: &str = "yes";

/// A user's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// `QUOTA_BYTES`.
    pub bytes: u64,
    /// `QUOTA_PHOTOS`.
    pub photos: u64,
}

impl Quota {
    /// Reads `QUOTA_BYTES` (default 50 GiB) and `QUOTA_PHOTOS` (default 500,000).
    ///
    /// # Errors
    /// If one is set to something other than a number.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            bytes: config::optional("QUOTA_BYTES", 50 << 30)?,
            photos: config::optional("QUOTA_PHOTOS", 500_000)?,
        })
    }
}

/// A number of photos and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub bytes: u64,
    pub photos: u64,
}

/// What a user stores: the item `usage` of the user's partition. It changes in the same transaction as the photos'
/// records. Only those of `/unzip` are counted later, and are reserved until then, so `total` is always exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Stored and reserved.
    pub total: Amount,
    /// What uploads that have not ended may still store, and what is stored and not counted yet.
    pub reserved: Amount,
    /// Grows with every change of the set of photos, or of their sizes.
    pub changes: u64,
    /// Grows when a photo moves to another month.
    pub moves: u64,
    /// The value of `changes` that the photo index in the bucket contains.
    pub indexed: u64,
    /// When the photo index may be written again; milliseconds since 1970.
    pub index_after: Option<i64>,
    /// Until when a message about the photo index counts as outstanding; milliseconds since 1970.
    pub index_scheduled: Option<i64>,
    /// The uploads in parts that have not ended.
    pub uploads: Vec<Uuid>,
    /// What was moved to the trash up to this time is being deleted, or is gone.
    pub emptied: Option<Timestamp>,
    /// The jobs that are running.
    pub jobs: Vec<Uuid>,
}

/// A change of a user's usage, as one write of a transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct UsageChange {
    /// Added to the total, or subtracted.
    pub total: Delta,
    /// Added to what is reserved, or subtracted.
    pub reserved: Delta,
    /// By how much `changes` grows.
    pub changes: u64,
    /// By how much `moves` grows.
    pub moves: u64,
    pub trash: TrashChange,
    /// The total must stay within this.
    pub within: Option<Quota>,
    /// An upload that begins, and how many may be open at most.
    pub opened: Option<(Uuid, usize)>,
    /// An upload that ends. It must be open: that makes its end happen once.
    pub closed: Option<Uuid>,
    /// A job that begins, and how many may be running at most.
    pub job_started: Option<(Uuid, usize)>,
    /// A job that ends. It must be running: that makes its end happen once.
    pub job_ended: Option<Uuid>,
}

/// A photo that moves to the trash or back. The time is that of its move to the trash: it must be later than that up to
/// which the trash is being emptied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TrashChange {
    #[default]
    None,
    In(Timestamp),
    Out(Timestamp),
}

/// A signed [`Amount`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delta {
    #[default]
    Zero,
    Add(Amount),
    Subtract(Amount),
}

impl Amount {
    #[must_use]
    pub const fn photo(bytes: u64) -> Self {
        Self { bytes, photos: 1 }
    }

    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(other.bytes), photos: self.photos.saturating_add(other.photos) }
    }

    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), photos: self.photos.saturating_sub(other.photos) }
    }
}

impl Usage {
    /// What is stored, without what is reserved.
    #[must_use]
    pub const fn stored(&self) -> Amount {
        self.total.minus(self.reserved)
    }

    pub(crate) fn from_item(item: Option<&Item>) -> Self {
        let Some(item) = item else { return Self::default() };
        let count = |name| optional_number(item, name).unwrap_or_default();
        let millis = |name| optional_number(item, name).and_then(|millis| i64::try_from(millis).ok());
        let ids = |name| {
            let ids = item.get(name).and_then(|ids| ids.as_ss().ok()).map(Vec::as_slice).unwrap_or_default();
            ids.iter().filter_map(|id| Uuid::try_parse(id).ok()).collect()
        };
        Self {
            total: Amount { bytes: count("bytes"), photos: count("photos") },
            reserved: Amount { bytes: count("reservedBytes"), photos: count("reservedPhotos") },
            changes: count("changes"),
            moves: count("moves"),
            indexed: count("indexed"),
            index_after: millis("indexAfter"),
            index_scheduled: millis("indexScheduled"),
            uploads: ids("uploads"),
            jobs: ids("jobs"),
            emptied: optional(item, "trashEmptied", |time| time.parse().ok()).unwrap_or_default(),
        }
    }
}

impl UsageChange {
    pub(crate) fn write(&self, table: &Table, user: &UserKey) -> Write {
        let mut update = table.update(item_key(user, USAGE));
        let mut add = Vec::new();
        for (delta, bytes, photos) in
            [(self.total, "bytes", "photos"), (self.reserved, "reservedBytes", "reservedPhotos")]
        {
            let Some((sign, amount)) = delta.signed() else { continue };
            for (name, value) in [(bytes, amount.bytes), (photos, amount.photos)] {
                add.push(format!("#{name} :{name}"));
                let value = AttributeValue::N(if value == 0 { "0".to_owned() } else { format!("{sign}{value}") });
                update = update
                    .expression_attribute_names(format!("#{name}"), name)
                    .expression_attribute_values(format!(":{name}"), value);
            }
        }
        for (name, growth) in [("changes", self.changes), ("moves", self.moves)] {
            if growth > 0 {
                add.push(format!("{name} :{name}"));
                update = update.expression_attribute_values(format!(":{name}"), number(growth));
            }
        }
        let mut conditions = Vec::new();
        if let (Some(quota), Delta::Add(amount)) = (self.within, self.total) {
            // The caller has checked that the amount alone is within the quota.
            for (name, room) in [
                ("bytes", quota.bytes.saturating_sub(amount.bytes)),
                ("photos", quota.photos.saturating_sub(amount.photos)),
            ] {
                conditions.push(format!("(attribute_not_exists(#{name}) OR #{name} <= :{name}Room)"));
                update = update.expression_attribute_values(format!(":{name}Room"), number(room));
            }
        }
        let ids = |id: Uuid| AttributeValue::Ss(vec![id.to_string()]);
        let mut delete = Vec::new();
        for (set, added, removed) in [("uploads", self.opened, self.closed), ("jobs", self.job_started, self.job_ended)]
        {
            if let Some((id, max)) = added {
                add.push(format!("{set} :{set}Added"));
                conditions.push(format!("(attribute_not_exists({set}) OR size({set}) < :{set}Max)"));
                update = update
                    .expression_attribute_values(format!(":{set}Added"), ids(id))
                    .expression_attribute_values(format!(":{set}Max"), number(max as u64));
            }
            if let Some(id) = removed {
                delete.push(format!("{set} :{set}Removed"));
                conditions.push(format!("contains({set}, :{set}RemovedId)"));
                update = update
                    .expression_attribute_values(format!(":{set}Removed"), ids(id))
                    .expression_attribute_values(format!(":{set}RemovedId"), text(id.to_string()));
            }
        }
        let mut set = Vec::new();
        if let TrashChange::In(trashed_at) | TrashChange::Out(trashed_at) = self.trash {
            conditions.push("(attribute_not_exists(trashEmptied) OR trashEmptied < :trashedAt)".to_owned());
            update = update.expression_attribute_values(":trashedAt", time(trashed_at));
            if matches!(self.trash, TrashChange::In(_)) {
                set.push("hasTrash = :yes, trashSince = if_not_exists(trashSince, :trashedAt)".to_owned());
                update = update.expression_attribute_values(":yes", text(YES));
            }
        }
        let sections =
            [("ADD", add), ("DELETE", delete), ("SET", set)].into_iter().filter(|(_, parts)| !parts.is_empty());
        let sections: Vec<_> = sections.map(|(name, parts)| format!("{name} {}", parts.join(", "))).collect();
        update = update.update_expression(sections.join(" "));
        if !conditions.is_empty() {
            update = update.condition_expression(conditions.join(" AND "));
        }
        Write::Update(update)
    }
}

impl Delta {
    const fn signed(self) -> Option<(&'static str, Amount)> {
        match self {
            Self::Zero => None,
            Self::Add(amount) => Some(("", amount)),
            Self::Subtract(amount) => Some(("-", amount)),
        }
    }
}
