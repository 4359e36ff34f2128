//! What happens by the clock and not by a packet: delayed wills, sessions that expire, drops that are reported,
//! retained messages that expire, `$SYS`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until};

use crate::EventKind;
use crate::clock;
use crate::counters::add;
use crate::registry::Due;
use crate::routing::RetainedCursor;
use crate::session_record::SessionRecord;
use crate::shared::Shared;
use crate::sys_topics::SysTopics;

/// How often drops become events, and a part of the retained messages is searched for what has expired.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Runs until the broker stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut report = calm_interval(REPORT_EVERY);
    let mut sys_interval = shared.limits().sys_interval;
    let mut announce = sys_interval.map(calm_interval);
    let mut sys_topics = SysTopics::new(clock::now());
    let mut sweep = RetainedCursor::over_all();
    loop {
        let deadline = shared.registry.next_deadline();
        let due = async {
            match deadline {
                Some(deadline) => sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        let announcing = async {
            match &mut announce {
                Some(announce) => drop(announce.tick().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = due => handle_due(&shared).await,
            () = shared.registry.deadlines_changed.notified() => {}
            _ = report.tick() => {
                shared.report_drops();
                shared.report_denials(clock::now());
                shared.report_admission(clock::now());
                shared.router.sweep_retained(&mut sweep, clock::now());
                shared.router.forget_old_routes();
            }
            () = announcing => sys_topics.announce(&shared, clock::now()),
            () = shared.limits_changed.notified() => {
                let wanted = shared.limits().sys_interval;
                if wanted != std::mem::replace(&mut sys_interval, wanted) {
                    announce = wanted.map(calm_interval);
                }
            }
        }
    }
}

/// Ticks at once, and never faster to catch up.
fn calm_interval(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn handle_due(shared: &Shared) {
    settle(shared, shared.registry.take_due(clock::now().steady)).await;
}

/// Does what is due.
pub(crate) async fn settle(shared: &Shared, due: Vec<Due>) {
    for due in due {
        match due {
            Due::Will { who, will, session } => {
                shared.publish_will(who, *will, session.map(|session| SessionRecord::WillDone { session }));
            }
            Due::Expired(ended) => {
                let client = ended.client.clone();
                shared.end_session(*ended).await;
                add(&shared.counters.expired_sessions, 1);
                shared.record(
                    EventKind::Expired,
                    Some(&client),
                    "the session expired while the client was away".to_owned(),
                );
            }
        }
    }
}
