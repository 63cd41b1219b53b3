//! What `poam demo` runs on beside the bridge itself: two fake sites on loopback with pages for visitors, and data.
//!
//! | file | what |
//! |---|---|
//! | [`data`] | a workbook, a plan and a configuration, all invented |
//! | [`sites`] | the fake GitHub and the fake Jira, served, and their webhooks delivered |
//! | [`pages`] | a plain page per ticket, where a visitor does what engineers do |

pub mod data;
pub mod pages;
pub mod sites;
