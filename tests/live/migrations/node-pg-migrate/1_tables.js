exports.up = (pgm) => {
  pgm.createDomain('npm_email', 'text', { check: "value LIKE '%@%'" });
  pgm.createType('npm_mood', ['fine', 'sad']);
  pgm.createSequence('npm_number');
  pgm.createTable('npm_person', {
    id: { type: 'integer', primaryKey: true, sequenceGenerated: { precedence: 'BY DEFAULT' } },
    email: { type: 'npm_email', notNull: true },
    mood: { type: 'npm_mood', default: 'fine' },
    number: { type: 'bigint', default: pgm.func("nextval('npm_number')") },
  });
};
