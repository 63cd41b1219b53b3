//! Files that teams and assessors exchange: what comes in is parsed to plain data here, what goes out is written here.

pub mod fedramp_xlsx;
