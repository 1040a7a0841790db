exports.up = (pgm) => {
  pgm.renameTable('npm_person', 'npm_human');
  pgm.addColumn('npm_human', { loud: { type: 'text', expressionGenerated: 'upper(email::text)' } });
  pgm.dropView('npm_people');
  pgm.dropFunction('npm_shout', [{ type: 'text' }]);
  pgm.createFunction('npm_shout', [{ name: 'words', type: 'text' }],
    { returns: 'text', language: 'sql' }, "SELECT upper(words) || '!'");
  pgm.createView('npm_people', {}, 'SELECT id, npm_shout(email) AS email FROM npm_human');
};

exports.down = (pgm) => {
  pgm.dropView('npm_people');
  pgm.dropFunction('npm_shout', [{ type: 'text' }]);
  pgm.dropColumn('npm_human', 'loud');
  pgm.renameTable('npm_human', 'npm_person');
  pgm.createFunction('npm_shout', [{ name: 'words', type: 'text' }],
    { returns: 'text', language: 'sql' }, 'SELECT upper(words)');
  pgm.createView('npm_people', {}, 'SELECT id, npm_shout(email) AS email FROM npm_person');
};
