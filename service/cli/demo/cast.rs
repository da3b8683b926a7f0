//! Who and what the demonstration is about: a fictional company, its people, services and the work they do.

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
    /// What is done to it, over and over.
    pub work: &'static [Work],
}

/// A piece of work: one pull request.
#[derive(Debug, PartialEq, Eq)]
pub struct Work {
    /// Type of the conventional commit.
    pub kind: &'static str,
    /// Scope of the conventional commit.
    pub scope: &'static str,
    /// What it does; for the scope `deps`, the dependency that it moves.
    pub title: &'static str,
    /// Title of its ticket, if it has one.
    pub ticket: Option<&'static str>,
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

const fn work(kind: &'static str, scope: &'static str, title: &'static str, ticket: &'static str) -> Work {
    Work {
        kind,
        scope,
        title,
        ticket: if ticket.is_empty() { None } else { Some(ticket) },
    }
}

/// The services.
pub static SERVICES: [Service; 5] = [
    Service {
        name: "payments",
        tickets: "PAY",
        team: &PAYMENTS,
        version: [4, 7, 0],
        cadence: 9,
        work: &[
            work(
                "feat",
                "cards",
                "retry declined cards once before giving up",
                "Recover soft-declined card payments",
            ),
            work(
                "fix",
                "refunds",
                "round partial refunds half to even",
                "Refund totals differ by a penny",
            ),
            work(
                "feat",
                "methods",
                "offer bank transfer at checkout",
                "Bank transfer as a payment method",
            ),
            work(
                "perf",
                "ledger",
                "batch postings per settlement file",
                "Settlement import takes 40 minutes",
            ),
            work(
                "fix",
                "webhooks",
                "accept provider notifications out of order",
                "Payments stuck in pending",
            ),
            work(
                "feat",
                "3ds",
                "step up only above the risk threshold",
                "Fewer 3-D Secure challenges",
            ),
            work("refactor", "gateway", "separate provider clients from routing", ""),
            work(
                "fix",
                "idempotency",
                "keep request keys for 72 hours",
                "Double charge after a weekend retry",
            ),
            work(
                "feat",
                "reports",
                "daily settlement summary for finance",
                "Daily settlement summary",
            ),
            work("build", "deps", "rustls", ""),
            work(
                "fix",
                "currency",
                "use three decimals for KWD and BHD",
                "Kuwaiti dinar amounts rejected",
            ),
            work(
                "feat",
                "limits",
                "velocity limits by card and day",
                "Card testing attacks",
            ),
        ],
    },
    Service {
        name: "accounts",
        tickets: "ACC",
        team: &PAYMENTS,
        version: [2, 11, 0],
        cadence: 23,
        work: &[
            work("feat", "passkeys", "sign in with a passkey", "Passkey sign-in"),
            work(
                "fix",
                "sessions",
                "end all sessions when the password changes",
                "Sessions survive a password change",
            ),
            work(
                "feat",
                "export",
                "let customers download their data",
                "Data export for customers",
            ),
            work(
                "perf",
                "lookup",
                "index e-mail addresses by their folded form",
                "Slow sign-in for long addresses",
            ),
            work(
                "fix",
                "mail",
                "send one confirmation, not two",
                "Duplicate confirmation mails",
            ),
            work("docs", "runbook", "describe the lock-out procedure", ""),
            work(
                "feat",
                "consent",
                "record consent with the text that was shown",
                "Evidence of consent",
            ),
            work(
                "fix",
                "names",
                "accept single-letter surnames",
                "Cannot register with surname O",
            ),
        ],
    },
    Service {
        name: "storefront",
        tickets: "SHOP",
        team: &SHOP,
        version: [8, 2, 0],
        cadence: 6,
        work: &[
            work(
                "feat",
                "basket",
                "keep the basket across devices",
                "Basket follows the customer",
            ),
            work(
                "fix",
                "images",
                "serve the right crop on small screens",
                "Blurred product images on phones",
            ),
            work("feat", "search", "show recent searches", "Recent searches"),
            work(
                "perf",
                "home",
                "render the first screen on the server",
                "Home page slow on 3G",
            ),
            work(
                "fix",
                "checkout",
                "keep the address when going back",
                "Address lost on the back button",
            ),
            work("feat", "wishlist", "share a wish list by link", "Shareable wish lists"),
            work("style", "cards", "even out product card spacing", ""),
            work(
                "fix",
                "accessibility",
                "label the quantity buttons",
                "Screen readers announce nothing",
            ),
            work(
                "feat",
                "delivery",
                "promise a delivery day before checkout",
                "Delivery day on product pages",
            ),
            work("build", "deps", "esbuild", ""),
            work(
                "fix",
                "promo",
                "apply the best voucher, not the first",
                "Wrong voucher wins",
            ),
            work("test", "e2e", "cover guest checkout", ""),
            work("feat", "gift", "gift wrapping as a line item", "Gift wrapping"),
        ],
    },
    Service {
        name: "catalogue",
        tickets: "CAT",
        team: &SHOP,
        version: [3, 0, 0],
        cadence: 12,
        work: &[
            work(
                "feat",
                "import",
                "read supplier feeds incrementally",
                "Supplier feeds take all night",
            ),
            work(
                "fix",
                "stock",
                "never show negative stock",
                "Negative stock on product pages",
            ),
            work(
                "perf",
                "facets",
                "cache facet counts for a minute",
                "Facets time out at peak",
            ),
            work("feat", "variants", "group colours under one product", "Colour variants"),
            work(
                "fix",
                "units",
                "convert fluid ounces correctly",
                "Wrong volumes for US suppliers",
            ),
            work("refactor", "index", "write the search index from a queue", ""),
            work(
                "feat",
                "price",
                "show the lowest price of the last 30 days",
                "Price transparency",
            ),
            work(
                "fix",
                "import",
                "skip rows without a supplier id",
                "Import stops at the first bad row",
            ),
        ],
    },
    Service {
        name: "notifications",
        tickets: "NTF",
        team: &SHOP,
        version: [1, 9, 0],
        cadence: 17,
        work: &[
            work("feat", "digest", "one mail for several parcels", "Parcel digest mails"),
            work(
                "fix",
                "sms",
                "split long messages at word boundaries",
                "Broken words in text messages",
            ),
            work("feat", "quiet", "no pushes between ten and seven", "Quiet hours"),
            work(
                "fix",
                "unsubscribe",
                "honour one-click unsubscribe",
                "Unsubscribe link ignored",
            ),
            work(
                "perf",
                "queue",
                "send in parallel per provider",
                "Order mails late on Mondays",
            ),
            work("build", "deps", "mail-parser", ""),
        ],
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
