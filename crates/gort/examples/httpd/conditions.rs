//! Whether the client wants an answer at all, given what it has already. RFC 9110, 13.

use crate::head::Status;
use crate::request::Request;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the client's copy is compared with.
pub(crate) struct Version<'a> {
    pub(crate) etag: &'a str,
    pub(crate) modified: SystemTime,
}

impl Version<'_> {
    /// The conditions in the order in which they count: 412 or 304 instead of the file.
    pub(crate) fn check(&self, request: &Request<'_>) -> Result<(), Status> {
        if let Some(list) = request.if_match {
            // A weak tag never matches here.
            if !self.is_in(list, |tag| tag) {
                return Err(Status::PRECONDITION_FAILED);
            }
        } else if let Some(time) = request.if_unmodified_since.and_then(parse)
            && self.seconds() > time
        {
            return Err(Status::PRECONDITION_FAILED);
        }
        if let Some(list) = request.if_none_match {
            if self.is_in(list, |tag| tag.strip_prefix("W/").unwrap_or(tag)) {
                return Err(Status::NOT_MODIFIED);
            }
        } else if let Some(time) = request.if_modified_since.and_then(parse)
            && self.seconds() <= time
        {
            return Err(Status::NOT_MODIFIED);
        }
        Ok(())
    }

    /// Whether a part may be sent: what the client has of the rest is of this version.
    pub(crate) fn continues(&self, if_range: &str) -> bool {
        if if_range.starts_with('"') {
            return if_range == self.etag;
        }
        // A file that was changed twice in the same second is taken for one only here.
        parse(if_range).is_some_and(|time| time == self.seconds())
    }

    fn is_in(&self, list: &str, form: impl Fn(&str) -> &str) -> bool {
        list == "*" || list.split(',').any(|tag| form(tag.trim()) == self.etag)
    }

    /// Dates have no fractions.
    fn seconds(&self) -> Duration {
        let time = self.modified.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Duration::from_secs(time.as_secs())
    }
}

fn parse(date: &str) -> Option<Duration> {
    httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()
}
