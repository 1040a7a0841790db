//! Steps that differ in their objects only are one step, and made one as they come: where every table has an ACL of its
//! own, twenty roles are a million steps and a few dozen sentences.

use std::collections::{HashMap, HashSet};

use super::{Change, Objects, Rule, Step};
use crate::model::{Object, ObjectKind, Origin, SchemaName};

/// Steps so far, and where in them another one like them belongs.
#[derive(Default)]
pub(super) struct Merging {
    alike: HashMap<Likeness, usize>,
    /// The last REVOKE about an object: the next one may hang on it. Grants are the owner's, and hang on nothing. By kind, so
    /// that where nothing is taken away from tables, ten thousand of them are not looked up for every role.
    revoked: HashMap<ObjectKind, HashMap<Object, usize>>,
    /// Further objects of a step, in lists that others share.
    more: HashMap<usize, Vec<Objects>>,
}

/// What two steps have in common that are one: everything but the names of their objects.
type Likeness = (
    String,
    Option<(ObjectKind, Option<SchemaName>)>,
    Rule,
    Option<Origin>,
);

impl Merging {
    /// Adds a step to `steps`, or its objects to one that is there. It comes no earlier by that than another REVOKE about one
    /// of its objects.
    pub(super) fn add(&mut self, steps: &mut Vec<Step>, step: Step) {
        let Some(objects) = step.change.list().cloned() else {
            return steps.push(step);
        };
        let kind = objects
            .first()
            .map(|object| (object.kind(), object.schema().cloned()));
        let change = format!("{:?}", step.change.with_objects(Objects::default()));
        let likeness = (change, kind, step.rule, step.origin.clone());
        let after = self.last_revoke(objects.first().map(Object::kind), &objects);
        let at = self
            .alike
            .get(&likeness)
            .copied()
            .filter(|at| *at >= after)
            .unwrap_or(steps.len());
        if matches!(step.change, Change::Revoke { .. }) {
            for object in objects.iter() {
                self.revoked
                    .entry(object.kind())
                    .or_default()
                    .insert(object.clone(), at);
            }
        }
        self.alike.insert(likeness, at);
        match steps.get_mut(at) {
            // Each came to it by a line of its own; the first stands for all.
            Some(into) => {
                into.path.truncate(2);
                self.more.entry(at).or_default().push(objects);
            }
            None => steps.push(step),
        }
    }

    /// Where the last REVOKE about one of these is, which are of one kind; 0 where there is none.
    fn last_revoke(&self, kind: Option<ObjectKind>, objects: &[Object]) -> usize {
        let revoked = kind.and_then(|kind| self.revoked.get(&kind));
        let last = revoked.and_then(|revoked| {
            objects
                .iter()
                .filter_map(|object| revoked.get(object))
                .max()
        });
        last.copied().unwrap_or(0)
    }

    /// Gives every step all of its objects. Lists with the same objects become the same list.
    pub(super) fn finish(self, steps: &mut [Step]) {
        let mut lists = HashSet::<Objects>::new();
        for (at, more) in self.more {
            let Some(step) = steps.get_mut(at) else {
                continue;
            };
            let first = step.change.list().into_iter().chain(&more);
            let all: Vec<Object> = first.flat_map(|list| list.iter()).cloned().collect();
            let list = lists
                .get(all.as_slice())
                .cloned()
                .unwrap_or_else(|| all.into());
            lists.insert(list.clone());
            step.change = step.change.with_objects(list);
        }
    }
}
