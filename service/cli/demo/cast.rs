//! Who and what the demonstration is about: a fictional company, its people, services and the work they do.

use super::work::{self, Work};
use crate::domain::producer::Scope;

/// A person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Name to show.
    pub name: &'static str,
    /// E-mail, by which records know people.
    pub email: &'static str,
}

/// A team: the people who write and review, and the pipeline that signs for them.
#[derive(Debug)]
pub struct Team {
    /// Its name.
    pub name: &'static str,
    /// Its pipeline.
    pub pipeline: Signer,
    /// Its people.
    pub people: [Person; 3],
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// Prefix of its tickets.
    pub tickets: &'static str,
    /// Who builds it.
    pub team: &'static Team,
    /// Version at the beginning: major, minor, patch.
    pub version: [u32; 3],
    /// Days between two releases.
    pub cadence: i64,
    /// What is done to it, in order.
    pub work: &'static [Work],
}

/// A producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signer {
    /// Pipeline of the payments team.
    PaymentsCi,
    /// Pipeline of the shop team.
    ShopCi,
    /// Where release managers approve.
    ReleaseDesk,
    /// Monitoring and on-call.
    Monitoring,
    /// Who runs the environments.
    Platform,
    /// Where people attest what no check can see.
    ComplianceDesk,
    /// The auditor, who signs what she concludes with a key of her own.
    Auditor,
}

impl Signer {
    /// All of them, in the order in which they are registered.
    pub const ALL: [Self; 7] = [
        Self::PaymentsCi,
        Self::ShopCi,
        Self::ReleaseDesk,
        Self::Monitoring,
        Self::Platform,
        Self::ComplianceDesk,
        Self::Auditor,
    ];

    /// Name of the producer.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentsCi => "payments-ci",
            Self::ShopCi => "shop-ci",
            Self::ReleaseDesk => "release-desk",
            Self::Monitoring => "monitoring",
            Self::Platform => "platform",
            Self::ComplianceDesk => "compliance-desk",
            Self::Auditor => "auditor",
        }
    }

    /// What it may record.
    pub fn scope(self) -> Scope {
        let types: &[&str] = match self {
            Self::PaymentsCi | Self::ShopCi => &[],
            Self::ReleaseDesk => &["approval", "shipslog-exception", "shipslog-highlight"],
            Self::Monitoring => &["incident"],
            Self::Platform => &["environment", "shipslog-alias", "shipslog-snapshot"],
            Self::ComplianceDesk => &["shipslog-attestation"],
            Self::Auditor => &["shipslog-conclusion"],
        };
        let services = SERVICES.iter().filter(|service| service.team.pipeline == self);
        Scope {
            // The names are those of the table below, which a test parses.
            services: services.filter_map(|service| service.name.parse().ok()).collect(),
            environments: Vec::new(),
            event_types: types.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

/// The environments in the order in which a release goes through them, with their tiers.
pub const ENVIRONMENTS: [(&str, &str); 3] = [
    ("development", "development"),
    ("staging", "staging"),
    ("production", "production"),
];

/// Release managers, who write no code.
pub const MANAGERS: [Person; 2] = [
    Person {
        name: "Grace Holm",
        email: "grace.holm@northwind.example",
    },
    Person {
        name: "Samir Patel",
        email: "samir.patel@northwind.example",
    },
];

/// Who answers for what the checks cannot see.
pub const COMPLIANCE: Person = Person {
    name: "Ines Moreau",
    email: "ines.moreau@northwind.example",
};

/// The auditor, who is of another company.
pub const AUDITOR: Person = Person {
    name: "Ruth Lindqvist",
    email: "ruth.lindqvist@assurance.example",
};

static PAYMENTS: Team = Team {
    name: "Team Payments",
    pipeline: Signer::PaymentsCi,
    people: [
        Person {
            name: "Priya Shah",
            email: "priya.shah@northwind.example",
        },
        Person {
            name: "Tom Okafor",
            email: "tom.okafor@northwind.example",
        },
        Person {
            name: "Wei Chen",
            email: "wei.chen@northwind.example",
        },
    ],
};

static SHOP: Team = Team {
    name: "Team Shop",
    pipeline: Signer::ShopCi,
    people: [
        Person {
            name: "Elena Rossi",
            email: "elena.rossi@northwind.example",
        },
        Person {
            name: "Jonas Weber",
            email: "jonas.weber@northwind.example",
        },
        Person {
            name: "Amara Diallo",
            email: "amara.diallo@northwind.example",
        },
    ],
};

/// The services.
pub static SERVICES: [Service; 5] = [
    Service {
        name: "payments",
        tickets: "PAY",
        team: &PAYMENTS,
        version: [4, 7, 0],
        cadence: 9,
        work: work::PAYMENTS,
    },
    Service {
        name: "accounts",
        tickets: "ACC",
        team: &PAYMENTS,
        version: [2, 11, 0],
        cadence: 23,
        work: work::ACCOUNTS,
    },
    Service {
        name: "storefront",
        tickets: "SHOP",
        team: &SHOP,
        version: [8, 2, 0],
        cadence: 6,
        work: work::STOREFRONT,
    },
    Service {
        name: "catalogue",
        tickets: "CAT",
        team: &SHOP,
        version: [3, 0, 0],
        cadence: 12,
        work: work::CATALOGUE,
    },
    Service {
        name: "notifications",
        tickets: "NTF",
        team: &SHOP,
        version: [1, 9, 0],
        cadence: 17,
        work: work::NOTIFICATIONS,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EnvironmentName, ProducerName, ServiceName};

    #[test]
    fn all_names_are_names() {
        for service in &SERVICES {
            service.name.parse::<ServiceName>().unwrap();
        }
        for signer in Signer::ALL {
            signer.name().parse::<ProducerName>().unwrap();
        }
        for (environment, _) in ENVIRONMENTS {
            environment.parse::<EnvironmentName>().unwrap();
        }
    }

    #[test]
    fn pipelines_sign_for_their_own_services_only() {
        let names = |signer: Signer| {
            signer
                .scope()
                .services
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(Signer::PaymentsCi), ["payments", "accounts"]);
        assert_eq!(names(Signer::ShopCi), ["storefront", "catalogue", "notifications"]);
        assert_eq!(
            Signer::ReleaseDesk.scope().event_types,
            ["approval", "shipslog-exception", "shipslog-highlight"]
        );
    }
}
