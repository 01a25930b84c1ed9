//! The only way to the cloud: signing, credentials, typed calls, retries, rate budgets.
