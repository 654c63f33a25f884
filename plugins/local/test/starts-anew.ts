import { breakTarget } from '@errand/testkit'
import definition from '../src/target.ts'

/** What is wrong must be wrong in the processes that a check starts as well: they know a target by its module. */
export default breakTarget(definition, 'starts anew in each process')
