//! Files that teams and assessors exchange: import is parse, plan, apply; what goes out is written here.

pub mod fedramp_xlsx;
pub mod import;
pub mod plan_file;
