//! How one role comes to act as another, over one chain of memberships after the other.

use crate::model::Membership;

/// Every way in which a chain of memberships can be used, as a set: one chain may serve for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ways(u8);

/// The best of several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manner {
    /// Its privileges count without further ado.
    Inherits,
    /// Its privileges count after SET ROLE.
    BySetRole,
    /// Its privileges count once the role has granted itself a membership, as ADMIN OPTION allows.
    ByAdminOption,
}

impl Ways {
    const INHERITS: Self = Self(1);
    /// SET ROLE is judged from the session's login on, so that every membership on the way has to allow it.
    const BECOMES: Self = Self(2);
    /// After SET ROLE, what that role inherits counts.
    const INHERITS_AFTER: Self = Self(4);
    const GRANTS: Self = Self(8);
    const IS_MEMBER: Self = Self(16);

    /// How a role comes to act as itself.
    pub const SELF: Self = Self(1 | 2 | 16);
    /// No way at all.
    pub const NONE: Self = Self(0);

    /// The ways that are left over one membership more.
    #[must_use]
    pub fn over(self, edge: &Membership) -> Self {
        let mut ways = self.and(Self::IS_MEMBER);
        if edge.inherit {
            ways = ways.or(self.and(Self::INHERITS));
            if self.has(Self::BECOMES) || self.has(Self::INHERITS_AFTER) {
                ways = ways.or(Self::INHERITS_AFTER);
            }
        }
        if edge.set {
            ways = ways.or(self.and(Self::BECOMES));
        }
        if edge.admin && self.manner().is_some()
            || self.has(Self::GRANTS) && (edge.inherit || edge.set)
        {
            ways = ways.or(Self::GRANTS);
        }
        ways
    }

    /// Both together.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Without SET ROLE: `pg_has_role(…, 'USAGE')`.
    pub fn inherits(self) -> bool {
        self.has(Self::INHERITS)
    }

    /// By SET ROLE: `pg_has_role(…, 'SET')`.
    pub fn becomes(self) -> bool {
        self.has(Self::BECOMES)
    }

    /// A member at all, with whatever options: `pg_has_role(…, 'MEMBER')`.
    pub fn is_member(self) -> bool {
        self.has(Self::IS_MEMBER)
    }

    /// The best way in which it serves; `None` for a membership with all its options off.
    pub fn manner(self) -> Option<Manner> {
        if self.inherits() {
            Some(Manner::Inherits)
        } else if self.has(Self(Self::BECOMES.0 | Self::INHERITS_AFTER.0)) {
            Some(Manner::BySetRole)
        } else {
            self.has(Self::GRANTS).then_some(Manner::ByAdminOption)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RoleName;

    fn edge(options: &str) -> Membership {
        let role = RoleName::new("r").unwrap();
        Membership {
            member: role.clone(),
            grantor: role.clone(),
            role,
            admin: options.contains('a'),
            inherit: options.contains('i'),
            set: options.contains('s'),
        }
    }

    fn over(chain: &[&str]) -> Ways {
        chain
            .iter()
            .fold(Ways::SELF, |ways, options| ways.over(&edge(options)))
    }

    #[test]
    fn a_chain_is_as_good_as_its_weakest_membership() {
        for (chain, manner) in [
            (&["i", "is"][..], Some(Manner::Inherits)),
            (&["s", "s"], Some(Manner::BySetRole)),
            (&["s", "i"], Some(Manner::BySetRole)),
            (&["s", "i", "s"], None),
            (&["i", "s"], None),
            (&["i", "a"], Some(Manner::ByAdminOption)),
            (&["a", "s", "i"], Some(Manner::ByAdminOption)),
            (&["", "ais"], None),
            (&[], Some(Manner::Inherits)),
        ] {
            assert_eq!(over(chain).manner(), manner, "{chain:?}");
        }
    }

    #[test]
    fn a_set_role_over_an_inherited_role_is_refused() {
        assert!(!over(&["i", "s"]).becomes());
        assert!(over(&["is", "s"]).becomes());
        assert!(over(&["", ""]).is_member());
    }
}
