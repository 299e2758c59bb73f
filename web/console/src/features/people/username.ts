/** As the platform takes names. The hyphen is escaped, since browsers read patterns with the `v` flag. */
export const USERNAME = '[a-z0-9][a-z0-9._@+\\-]*';

export const USERNAME_MEANING = 'Small letters, digits and . _ @ + -';
