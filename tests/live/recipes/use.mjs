// Uses the recipe that is named until the file `stop` is there, and prints how often it worked and how often it was refused.
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

const recipe = await import(process.argv[2]);
let uses = 0;
const refused = [];
while (!existsSync(process.argv[3])) {
  try {
    const user = await recipe.use();
    if (user !== "app") throw new Error(user);
    uses += 1;
  } catch (error) {
    refused.push(String(error));
  }
  await setTimeout(50);
}
console.log(uses, refused.length, ...refused.slice(0, 3));
process.exit(0);
