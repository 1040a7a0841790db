exports.up = (pgm) => {
  pgm.createFunction('npm_shout', [{ name: 'words', type: 'text' }],
    { returns: 'text', language: 'sql' }, 'SELECT upper(words)');
  pgm.createView('npm_people', {}, 'SELECT id, npm_shout(email) AS email FROM npm_person');
  pgm.createMaterializedView('npm_moods', {}, 'SELECT mood, count(*) FROM npm_person GROUP BY mood');
  pgm.alterTable('npm_person', { levelSecurity: 'ENABLE' });
  pgm.createPolicy('npm_person', 'everybody', { using: 'true', check: 'true' });
};

exports.down = (pgm) => {
  pgm.dropPolicy('npm_person', 'everybody');
  pgm.alterTable('npm_person', { levelSecurity: 'DISABLE' });
  pgm.dropMaterializedView('npm_moods');
  pgm.dropView('npm_people');
  pgm.dropFunction('npm_shout', [{ type: 'text' }]);
};
