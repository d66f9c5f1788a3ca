"""The level between the processes and the database: facts shared through Redis or Valkey, never believed unchecked."""
