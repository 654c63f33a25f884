import { testTarget } from '@errand/testkit'
import { it } from 'vitest'
import { localSuite } from './local-suite.ts'

testTarget(it, localSuite())
