//! `doorward.yaml`: how this process runs and whom it trusts.
