//! The cluster's restart token: who restarts a JVM for health holds it, so that a common cause never makes two nodes end
//! theirs together. A crash needs none: what is dead is started again at once.
//!
//! # States and events
//! ```text
//! None --(a service is hung)--> Wanted --ask--> Asked --Held--> Held --(serves again, or works again, or too long)--> None
//!                                 ^------------'  Taken, Unreadable, or no answer
//! ```
//! # Invariants
//! - A JVM is ended for health only on an answer `Held` to a question asked at most [`TOKEN_FRESH`] ago: the session that
//!   holds the token had been heard then, and lives for longer than that.
//! - Whoever asked gives it back, also where no answer said that it was taken.
//! - It is given back when the restarted service serves, when the hang passes by itself, and after [`TOKEN_LIMIT`]: a node
//!   that cannot come up must not keep the others from mending themselves.

use crate::model::{Blame, Moment, Notice, Role, TokenOutcome};

use super::event::{Action, Probe};
use super::lane::Out;
use super::policy::{TOKEN_AGAIN, TOKEN_FRESH, TOKEN_LIMIT};
use super::slot::{Slot, Turn};

/// The token as this supervisor sees it.
#[derive(Debug, Default)]
pub(super) struct Token {
    /// For which service; `None` at rest.
    wish: Option<(Role, Blame)>,
    slot: Slot,
    ask: u64,
    /// When the question was asked that was answered by `Held` last.
    held: Option<Moment>,
    /// Since when it is ours.
    since: Option<Moment>,
    /// It may be ours: it was asked for, and nobody else was said to have it since. An attempt that failed may have been
    /// done all the same.
    perhaps: bool,
    /// Who has it instead, or why it could not be asked for.
    holder: String,
}

impl Token {
    /// `role` is hung: the token is wanted, or to be seen again. Nothing where another service of this node is at it.
    pub(super) fn want(&mut self, now: Moment, role: Role, blame: Blame) {
        match self.wish {
            Some((wisher, _)) if wisher != role => return,
            Some(_) | None => self.wish = Some((role, blame)),
        }
        if !self.is_fresh(now) {
            self.slot.begin(now);
        }
    }

    /// It is this node's for `role`, by an answer that is fresh enough to act on.
    pub(super) fn is_held_for(&self, now: Moment, role: Role) -> bool {
        self.wish.is_some_and(|(wisher, _)| wisher == role) && self.is_fresh(now)
    }

    fn is_fresh(&self, now: Moment) -> bool {
        self.held.is_some_and(|asked| now.since(asked) <= TOKEN_FRESH)
    }

    /// It was ours at the last answer.
    pub(super) fn is_ours(&self) -> bool {
        self.since.is_some()
    }

    /// The service that the token is held or wanted for.
    pub(super) fn wisher(&self) -> Option<Role> {
        self.wish.map(|(role, _)| role)
    }

    /// Who has it, as far as known; empty before an answer.
    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    /// It is not needed any more.
    pub(super) fn give_back(&mut self, out: &mut Out) {
        if self.perhaps {
            out.act(Action::ReleaseToken);
        }
        if self.since.is_some() {
            out.say(Notice::TokenReturned);
        }
        *self = Token::default();
    }

    /// Held for so long that the others come first.
    pub(super) fn is_overdue(&self, now: Moment) -> bool {
        self.since.is_some_and(|since| now.since(since) >= TOKEN_LIMIT)
    }

    /// Asks what is due.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Out) {
        let Some((role, blame)) = self.wish else { return };
        match self.slot.turn(now) {
            Turn::Ask | Turn::Lost => {
                out.asks += 1;
                self.ask = out.asks;
                self.perhaps = true;
                out.probe(Probe::Token { ask: out.asks, role, blame });
            }
            Turn::Rest => {}
        }
    }

    /// An attempt was answered.
    pub(super) fn handle(&mut self, now: Moment, ask: u64, outcome: TokenOutcome, out: &mut Out) {
        let Some(asked) = self.slot.asked().filter(|_| ask == self.ask) else { return };
        match outcome {
            TokenOutcome::Held => {
                if self.since.is_none() {
                    self.since = Some(now);
                    out.say(Notice::TokenTaken);
                }
                self.held = Some(asked);
                self.holder.clear();
                self.slot = Slot::Idle;
            }
            TokenOutcome::Taken(holder) => {
                (self.held, self.since, self.perhaps, self.holder) = (None, None, false, holder);
                self.slot = Slot::Due(now + TOKEN_AGAIN);
            }
            TokenOutcome::Unreadable(words) => {
                (self.held, self.holder) = (None, format!("nobody: {words}"));
                self.slot = Slot::Due(now + TOKEN_AGAIN);
            }
        }
    }

    /// When there is next something to do.
    pub(super) fn wakeup(&self) -> Option<Moment> {
        let overdue = self.since.map(|since| since + TOKEN_LIMIT);
        super::slot::earlier(self.slot.wakeup(), overdue)
    }
}
