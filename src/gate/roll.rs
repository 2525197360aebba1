//! A roll: what is done to one node after the other, whose turn it is, and how far it has come; and how that stands in ZooKeeper.
//!
//! Every supervisor reads it and takes its own turn, and marks its own step alone. A node's turn comes when all before it are
//! done, so what fails, or never says that it is done, keeps all that follow from beginning.
//! Absent on purpose: how a turn is taken (`supervise`), writing a mark safely (`cluster`), and the words of it (`roll_words`).

use crate::model::{NodeName, RollMark, RollTurn, RollVerb};

/// A roll, as all nodes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollDoc {
    /// Another roll has another.
    pub id: String,
    /// What is done to each node.
    pub verb: RollVerb,
    /// Who asked for it, and where.
    pub by: String,
    /// Why; empty where nobody said.
    pub because: String,
    /// Since when, RFC 3339 in UTC by the clock of who asked: for people.
    pub since: String,
    /// Whether it goes on.
    pub state: RollState,
    /// One for each node, in the order of their turns; no node has two.
    pub steps: Vec<Step>,
}

/// Whether a roll goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollState {
    /// The next node begins as soon as it may.
    Running,
    /// No further node begins until it is resumed; by whom it was paused.
    Paused(String),
    /// It ended before its last node; by whom.
    Aborted(String),
    /// A node could not do its step: no further one begins until it is resumed or aborted.
    Stopped {
        /// Which node.
        node: String,
        /// Why, as that node said it.
        words: String,
    },
    /// All nodes are done.
    Done,
}

/// One node's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The node's name.
    pub node: String,
    /// How far it is.
    pub state: StepState,
}

/// How far a node is. Times are RFC 3339 in UTC by that node's clock: for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Its turn is yet to come, or has come and the node has not begun.
    Waiting,
    /// It went down, and has not yet said that it is well again.
    Began {
        /// The boot in which it began.
        boot: String,
        /// The life of the supervisor that began.
        life: String,
        /// When.
        at: String,
        /// How often it began: again where an earlier life did not come to do it.
        tries: u32,
    },
    /// It is well again.
    Done {
        /// Since when.
        at: String,
    },
    /// It said that it could not.
    Failed {
        /// Why.
        words: String,
        /// When.
        at: String,
    },
}

impl RollDoc {
    /// A roll that nobody has begun with. A node that is named twice has its first place.
    pub fn plan(id: &str, verb: RollVerb, by: &str, because: &str, since: &str, order: Vec<NodeName>) -> RollDoc {
        let mut steps: Vec<Step> = Vec::new();
        for node in order {
            if !steps.iter().any(|step| step.node == node.as_str()) {
                steps.push(Step { node: node.as_str().to_owned(), state: StepState::Waiting });
            }
        }
        let state = if steps.is_empty() { RollState::Done } else { RollState::Running };
        RollDoc {
            id: id.to_owned(),
            verb,
            by: by.to_owned(),
            because: because.to_owned(),
            since: since.to_owned(),
            state,
            steps,
        }
    }

    /// What it wants of `node`, in this boot and life of its supervisor.
    pub fn turn(&self, node: &NodeName, boot: &str, life: &str) -> RollTurn {
        let Some((at, step)) = self.step(node) else { return RollTurn::Rest };
        match &step.state {
            // Whatever has become of the roll: the lock is held for this step, and its end is awaited.
            StepState::Began { boot: began_boot, life: began_life, tries, .. } => RollTurn::Finish {
                id: self.id.clone(),
                verb: self.verb,
                this_boot: began_boot == boot,
                this_life: began_boot == boot && began_life == life,
                tries: *tries,
            },
            StepState::Waiting if self.state == RollState::Running && self.all_done(at) => {
                RollTurn::Begin { id: self.id.clone(), verb: self.verb }
            }
            StepState::Waiting | StepState::Done { .. } | StepState::Failed { .. } => RollTurn::Rest,
        }
    }

    /// The document once `node` has made its mark on the roll `id`; the same one where it stands there already. The error says why the mark
    /// may not be made.
    pub fn mark(
        &self,
        node: &NodeName,
        id: &str,
        mark: &RollMark,
        boot: &str,
        life: &str,
        at: &str,
    ) -> Result<RollDoc, String> {
        if self.id != id {
            return Err(format!("another roll is under way by now ({}, by {})", self.verb, self.by));
        }
        let Some((place, step)) = self.step(node) else { return Err(format!("{node} has no part in this roll")) };
        match (mark, &step.state) {
            (RollMark::Began, StepState::Waiting) => {
                self.may_begin(place)?;
                Ok(self.with(place, began(boot, life, at, 1)))
            }
            // The same mark again: the answer to the first one was lost.
            (RollMark::Began, StepState::Began { boot: b, life: l, .. }) if b == boot && l == life => Ok(self.clone()),
            // What an earlier life or boot began and did not come to do is begun again.
            (RollMark::Began, StepState::Began { tries, .. }) => {
                self.may_begin(place)?;
                Ok(self.with(place, began(boot, life, at, tries.saturating_add(1))))
            }
            (RollMark::Began, StepState::Done { .. }) => Err(format!("{node} is done")),
            (RollMark::Began, StepState::Failed { .. }) => Err(format!("{node} has failed")),

            (RollMark::Done, StepState::Began { .. }) => {
                let mut doc = self.with(place, StepState::Done { at: at.to_owned() });
                doc.finish();
                Ok(doc)
            }
            (RollMark::Done, StepState::Done { .. }) => Ok(self.clone()),
            (RollMark::Done, StepState::Waiting) => Err(format!("{node} has not begun")),
            (RollMark::Done, StepState::Failed { .. }) => Err(format!("{node} has failed")),

            (RollMark::Failed(words), StepState::Began { .. }) => Ok(self.failed(place, node, words, at)),
            (RollMark::Failed(words), StepState::Waiting) => {
                self.may_begin(place)?;
                Ok(self.failed(place, node, words, at))
            }
            (RollMark::Failed(_), StepState::Failed { .. }) => Ok(self.clone()),
            (RollMark::Failed(_), StepState::Done { .. }) => Err(format!("{node} is done")),
        }
    }

    /// No further node begins; the one that has begun finishes.
    pub fn pause(&self, by: &str) -> Result<RollDoc, String> {
        match &self.state {
            RollState::Running => Ok(RollDoc { state: RollState::Paused(by.to_owned()), ..self.clone() }),
            RollState::Paused(earlier) => Err(format!("it is paused already, by {earlier}")),
            RollState::Stopped { node, .. } => Err(format!("it has stopped already, at {node}")),
            RollState::Aborted(earlier) => Err(format!("it was aborted by {earlier}")),
            RollState::Done => Err("it is done".to_owned()),
        }
    }

    /// It goes on; a node that failed has its turn again.
    pub fn resume(&self) -> Result<RollDoc, String> {
        match &self.state {
            RollState::Paused(_) | RollState::Stopped { .. } => {
                let mut doc = RollDoc { state: RollState::Running, ..self.clone() };
                for step in &mut doc.steps {
                    if let StepState::Failed { .. } = step.state {
                        step.state = StepState::Waiting;
                    }
                }
                doc.finish();
                Ok(doc)
            }
            RollState::Running => Err("it runs already".to_owned()),
            RollState::Aborted(by) => Err(format!("it was aborted by {by}; plan another")),
            RollState::Done => Err("it is done".to_owned()),
        }
    }

    /// It ends here; the node that has begun finishes, for its own sake.
    pub fn abort(&self, by: &str) -> Result<RollDoc, String> {
        match &self.state {
            RollState::Running | RollState::Paused(_) | RollState::Stopped { .. } => {
                Ok(RollDoc { state: RollState::Aborted(by.to_owned()), ..self.clone() })
            }
            RollState::Aborted(earlier) => Err(format!("it was aborted by {earlier} already")),
            RollState::Done => Err("it is done".to_owned()),
        }
    }

    /// Another roll may take its place.
    pub fn is_over(&self) -> bool {
        match self.state {
            RollState::Done | RollState::Aborted(_) => true,
            RollState::Running | RollState::Paused(_) | RollState::Stopped { .. } => false,
        }
    }

    /// How many nodes are done.
    pub fn done(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.state, StepState::Done { .. })).count()
    }

    fn step(&self, node: &NodeName) -> Option<(usize, &Step)> {
        self.steps.iter().enumerate().find(|(_, step)| step.node == node.as_str())
    }

    /// Every step before `place` is done.
    fn all_done(&self, place: usize) -> bool {
        self.steps.iter().take(place).all(|step| matches!(step.state, StepState::Done { .. }))
    }

    fn may_begin(&self, place: usize) -> Result<(), String> {
        match &self.state {
            RollState::Running if self.all_done(place) => Ok(()),
            RollState::Running => Err("its turn has not come".to_owned()),
            RollState::Paused(by) => Err(format!("the roll is paused, by {by}")),
            RollState::Stopped { node, words } => Err(format!("the roll stopped at {node}: {words}")),
            RollState::Aborted(by) => Err(format!("the roll was aborted, by {by}")),
            RollState::Done => Err("the roll is done".to_owned()),
        }
    }

    fn with(&self, place: usize, state: StepState) -> RollDoc {
        let mut doc = self.clone();
        if let Some(step) = doc.steps.get_mut(place) {
            step.state = state;
        }
        doc
    }

    fn failed(&self, place: usize, node: &NodeName, words: &str, at: &str) -> RollDoc {
        let mut doc = self.with(place, StepState::Failed { words: words.to_owned(), at: at.to_owned() });
        if !doc.is_over() {
            doc.state = RollState::Stopped { node: node.as_str().to_owned(), words: words.to_owned() };
        }
        doc
    }

    /// The last node is done, and so is the roll; one that was aborted stays so.
    fn finish(&mut self) {
        if !self.is_over() && self.all_done(self.steps.len()) {
            self.state = RollState::Done;
        }
    }
}

fn began(boot: &str, life: &str, at: &str, tries: u32) -> StepState {
    StepState::Began { boot: boot.to_owned(), life: life.to_owned(), at: at.to_owned(), tries }
}

#[cfg(test)]
#[path = "roll_tests.rs"]
mod tests;
