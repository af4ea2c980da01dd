//! Where records come from: partitions that were named, or a group.

use std::time::Duration;

use ottla_client::{
    Client, ConsumedRecord, Consumer, ConsumerConfig, GroupConsumer, Isolation, Offset, OffsetSpec,
    Position,
};

use crate::{exit::Failure, position::Place, session::Session};

/// A plain consumer, or a member of a group.
#[derive(Debug)]
pub(crate) enum Source {
    Plain(Box<Consumer>),
    Group(Box<GroupConsumer>),
}

type Next = Option<ottla_client::Result<ConsumedRecord>>;

impl Source {
    /// Reads partitions of topics, all of them if none are named.
    pub(crate) async fn plain(
        client: &Client,
        topics: &[String],
        partitions: Option<Vec<i32>>,
        (from, config): (Place, ConsumerConfig),
    ) -> Result<Self, Failure> {
        let Some(position) = position_of(from) else {
            let what = format!("cannot read {} from there", topics.join(", "));
            return Err(Failure::usage(what, "only a group has committed offsets").with_next("-g"));
        };
        let mut consumer = client.consumer_with(config);
        for topic in topics {
            match &partitions {
                None => consumer.assign_topic(topic, position).await?,
                Some(partitions) => {
                    for partition in partitions {
                        consumer.assign(topic, *partition, position).await?;
                    }
                }
            }
        }
        Ok(Self::Plain(Box::new(consumer)))
    }

    /// Reads as a member of a group that commits by itself.
    pub(crate) async fn group(
        session: &Session,
        client: &Client,
        (group, topics): (&str, &[String]),
        from: Place,
        config: ConsumerConfig,
    ) -> Result<Self, Failure> {
        let settings = session.settings()?;
        let mut builder = client
            .group(group)
            .topics(topics)
            .from(position_of(from).unwrap_or(Position::Start))
            .auto_commit(Duration::from_secs(1))
            .config(config);
        if let Some(id) = settings.get("group.instance.id") {
            builder = builder.group_instance_id(id);
        }
        if let Some(limit) = settings.parsed("session.timeout.ms")? {
            builder = builder.session_timeout(Duration::from_millis(limit));
        }
        let consumer = builder.start().await?;
        if session.global.verbose {
            let mut assignments = consumer.assignments();
            let is_quiet = session.global.quiet;
            tokio::spawn(async move {
                while assignments.changed().await.is_ok() {
                    let text = {
                        let assignment = assignments.borrow_and_update();
                        let partitions = assignment.partitions.iter();
                        let partitions: Vec<String> =
                            partitions.map(|(topic, it)| format!("{topic}-{it}")).collect();
                        format!(
                            "generation {}: {}",
                            assignment.generation_id,
                            if partitions.is_empty() {
                                "nothing".into()
                            } else {
                                partitions.join(", ")
                            }
                        )
                    };
                    if !is_quiet {
                        crate::output::note(&text);
                    }
                }
            });
        }
        Ok(Self::Group(Box::new(consumer)))
    }

    /// Ends a plain source before `to`, or at the end of what is there now.
    pub(crate) async fn stop(
        &mut self,
        client: &Client,
        to: Option<Place>,
        exit_at_end: bool,
    ) -> Result<(), Failure> {
        let Self::Plain(consumer) = self else { return Ok(()) };
        if exit_at_end {
            consumer.stop_at_end().await?;
        }
        let Some(to) = to else { return Ok(()) };
        let admin = client.admin();
        for (topic, partition, _) in consumer.positions() {
            let list = async |spec| {
                admin.list_offset(&topic, partition, spec, Isolation::Uncommitted).await
            };
            let end = list(OffsetSpec::End).await?.offset;
            let offset = match to {
                Place::Offset(offset) => Offset(offset),
                Place::Start => list(OffsetSpec::Start).await?.offset,
                Place::End | Place::Committed | Place::Onward(_) => end,
                Place::BeforeEnd(count) => Offset(end.0.saturating_sub(count)),
                Place::Time(time) => match list(OffsetSpec::Timestamp(time)).await?.offset {
                    // Nothing is that young yet: everything there is comes before it.
                    Offset(offset) if offset < 0 => end,
                    offset => offset,
                },
            };
            let offset = if exit_at_end { offset.min(end) } else { offset };
            consumer.stop_at(&topic, partition, offset);
        }
        Ok(())
    }

    pub(crate) fn try_next(&mut self) -> Next {
        match self {
            Self::Plain(consumer) => consumer.try_next(),
            Self::Group(consumer) => consumer.try_next(),
        }
    }

    pub(crate) async fn next(&mut self) -> Next {
        match self {
            Self::Plain(consumer) => consumer.next().await,
            Self::Group(consumer) => consumer.next().await,
        }
    }

    /// Whether a group's member has read all that is there. A plain source ends by itself.
    pub(crate) fn is_at_end(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Group(consumer) => {
                let has_partitions = !consumer.assignments().borrow().partitions.is_empty();
                has_partitions && consumer.lag() == Some(0)
            }
        }
    }

    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Plain(mut consumer) => consumer.close(),
            Self::Group(consumer) => consumer.close().await?,
        }
        Ok(())
    }
}

/// What a place means to a consumer; `None` for the group's committed offset.
fn position_of(place: Place) -> Option<Position> {
    match place {
        Place::Start => Some(Position::Start),
        Place::End => Some(Position::End),
        Place::Offset(offset) => Some(Position::Offset(Offset(offset))),
        Place::BeforeEnd(count) => Some(Position::BeforeEnd(count)),
        Place::Time(time) => Some(Position::Timestamp(time)),
        Place::Committed | Place::Onward(_) => None,
    }
}
